use proptest::prelude::*;

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// Returns what is sent to `to` after responses from `from` have set cookies.
fn sent(from: &str, set: &[&str], to: &str) -> String {
    let jar = Jar::default();
    for field in set {
        jar.take(&url(from), field.as_bytes());
    }
    jar.cookies_for(&url(to)).unwrap_or_default()
}

#[test]
fn cookies_go_where_their_attributes_say() {
    #[track_caller]
    fn case(from: &str, set: &str, to: &str, is_sent: bool) {
        let expected = if is_sent { "a=b" } else { "" };
        assert_eq!(sent(from, &[set], to), expected, "{set} from {from} to {to}");
    }
    const H: &str = "https://www.h.example/d/f";
    case(H, "a=b", H, true);
    case(H, "a=b", "https://www.h.example/d/", true);
    case(H, "a=b", "https://www.h.example:8443/d/g", true);
    case(H, "a=b", "http://www.h.example/d/f", true);
    case(H, "a=b", "https://www.h.example/e", false);
    case(H, "a=b", "https://www.h.example/dd", false);
    case(H, "a=b; Path=/", "https://www.h.example/e", true);
    case(H, "a=b; Path=/", "https://h.example/", false);
    case(H, "a=b; Path=/", "https://x.www.h.example/", false);
    case(H, "a=b; Path=/; Domain=h.example", "https://h.example/", true);
    case(H, "a=b; Path=/; Domain=.H.Example", "https://x.h.example/", true);
    case(H, "a=b; Path=/; Domain=h.example", "https://xh.example/", false);
    case(H, "a=b; Path=/; Domain=x.h.example", "https://x.h.example/", false);
    case(H, "a=b; Path=/; Domain=other.example", "https://other.example/", false);
    case(H, "a=b; Secure", "http://www.h.example/d/f", false);
    case("http://www.h.example/", "a=b; Secure", "https://www.h.example/", false);
    case("https://127.0.0.1/", "a=b; Secure", "http://127.0.0.1/", false);
    case("https://127.0.0.1/", "a=b", "http://localhost/", false);
    case("https://127.0.0.1/", "a=b; Domain=0.0.1", "https://127.0.0.1/", false);
    case(H, "a=b; Max-Age=0", H, false);
    case(H, "a=b; Max-Age=-1", H, false);
    case(H, "a=b; Max-Age=100; Expires=Thu, 01 Jan 1970 00:00:00 GMT", H, true);
    case(H, "a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT", H, false);
    case(H, "a=b; HttpOnly; SameSite=Strict", H, true);
}

#[test]
fn no_cookie_is_set_for_what_belongs_to_nobody() {
    for (from, domain, other) in [
        ("https://a.co.uk/", "co.uk", "https://b.co.uk/"),
        ("https://a.com/", "com", "https://b.com/"),
        ("https://a.github.io/", "github.io", "https://b.github.io/"),
        ("https://a.co.uk/", ".CO.uk", "https://b.co.uk/"),
        ("https://a.localhost/", "localhost", "https://b.localhost/"),
        ("https://a.x.elb.amazonaws.com/", "elb.amazonaws.com", "https://b.y.elb.amazonaws.com/"),
        ("https://a.x.kawasaki.jp/", "kawasaki.jp", "https://b.y.kawasaki.jp/"),
    ] {
        assert_eq!(sent(from, &[&format!("a=b; Path=/; Domain={domain}")], other), "", "{domain}");
    }
    let own = "https://github.io/";
    assert_eq!(sent(own, &["a=b; Domain=github.io"], own), "a=b");
    assert_eq!(sent(own, &["a=b; Domain=github.io"], "https://b.github.io/"), "");
}

#[test]
fn what_comes_in_the_clear_does_not_touch_what_is_secure() {
    let jar = Jar::default();
    let (secure, clear) = (url("https://h.example/"), url("http://h.example/"));
    jar.take(&secure, b"a=1; Secure");
    jar.take(&clear, b"a=2");
    jar.take(&clear, b"a=; Max-Age=0");
    assert_eq!(jar.cookies_for(&secure).unwrap(), "a=1");
    assert_eq!(jar.cookies_for(&clear), None);
}

#[test]
fn prefixes_are_promises() {
    const H: &str = "https://h.example/";
    for (set, is_kept) in [
        ("__Secure-a=1; Secure", true),
        ("__Secure-a=1", false),
        ("__Host-a=1; Secure; Path=/", true),
        ("__Host-a=1; Secure", false),
        ("__host-a=1; Path=/", false),
        ("__Host-a=1; Secure; Path=/; Domain=h.example", false),
    ] {
        assert_eq!(!sent(H, &[set], H).is_empty(), is_kept, "{set}");
    }
}

#[test]
fn cookies_are_replaced_removed_and_ordered() {
    const H: &str = "https://h.example/d/f";
    assert_eq!(sent(H, &["a=1", "a=2"], H), "a=2");
    assert_eq!(sent(H, &["a=1", "a=; Max-Age=0"], H), "");
    assert_eq!(sent(H, &["b=1; Path=/", "a=2; Path=/", "z=3"], H), "z=3; a=2; b=1");
    assert_eq!(sent(H, &["a=\"x y\"", "=1", "", ";", "b"], H), "a=\"x y\"");
}

#[test]
fn numbers_and_sizes_are_bounded() {
    const H: &str = "https://h.example/";
    let jar = Jar::default();
    for number in 0..10_000 {
        let host = url(&format!("https://h{}.example/", number / 100));
        jar.take(&host, format!("a{number}=1").as_bytes());
    }
    let count = |jar: &Jar| jar.write().lines().count() - 2;
    assert_eq!(count(&jar), MAX_IN_ALL);
    let jar = Jar::default();
    for number in 0..100 {
        jar.take(&url(H), format!("a{number}=1").as_bytes());
    }
    assert_eq!(count(&jar), MAX_OF_DOMAIN);
    // One that is there can still be changed.
    jar.take(&url(H), b"a0=changed");
    assert!(jar.cookies_for(&url(H)).unwrap().contains("a0=changed"));
    // What is gone makes room.
    jar.take(&url(H), b"a0=; Max-Age=0");
    jar.take(&url(H), b"b=new");
    assert!(jar.cookies_for(&url(H)).unwrap().contains("b=new"));
    let far = format!("{H}{}/f", "x".repeat(MAX_PATH));
    assert_eq!(sent(&far, &["a=b"], &far), "");
    assert_eq!(sent(H, &[&format!("a=b; x={}", "x".repeat(MAX_FIELD))], H), "");
    let long = |size: usize| format!("a={}", "x".repeat(size - 1));
    assert_eq!(sent(H, &[&long(MAX_BYTES)], H).len(), MAX_BYTES + 1);
    assert_eq!(sent(H, &[&long(MAX_BYTES + 1)], H), "");
}

const FILE: &str = "\
# Netscape HTTP Cookie File

#HttpOnly_.h.example\tTRUE\t/\tTRUE\t4102444800\tsession\tx=y
127.0.0.1\tFALSE\t/d\tFALSE\t0\ta\t
h.example\tFALSE\t/\tFALSE\t4102444800\tb\t\"1\"
";

#[test]
fn a_file_is_written_as_it_was_read() {
    assert_eq!(Jar::read(FILE).unwrap().write(), FILE);
    let jar = Jar::read(FILE).unwrap();
    let sent = |to| jar.cookies_for(&url(to)).unwrap_or_default();
    assert_eq!(sent("https://h.example/"), "b=\"1\"; session=x=y");
    assert_eq!(sent("https://www.h.example/"), "session=x=y");
    assert_eq!(sent("http://h.example/"), "b=\"1\"");
    assert_eq!(sent("http://127.0.0.1:81/d/e"), "a=");
    assert_eq!(sent("http://127.0.0.1:81/"), "");
}

#[test]
fn files_are_read_as_others_write_them() {
    #[track_caller]
    fn case(line: &str, written: &str) {
        let text = Jar::read(line).unwrap().write();
        assert_eq!(text.lines().nth(2).unwrap_or_default(), written, "{line}");
    }
    case("h.example\tTRUE\t/\tfalse\t\ta\tb\r\n", ".h.example\tTRUE\t/\tFALSE\t0\ta\tb");
    case("h.example\tFALSE\t/\tFALSE\t0\ta", "h.example\tFALSE\t/\tFALSE\t0\ta\t");
    case(
        "h.example\tFALSE\t/\tFALSE\t4102444800.5\ta\tb",
        "h.example\tFALSE\t/\tFALSE\t4102444800\ta\tb",
    );
    case("h.example\tFALSE\t/\tFALSE\t1\texpired\tb", "");
    case("# h.example\tFALSE\t/\tFALSE\t0\ta\tb", "");
    case("  ", "");
    case("localhost\tFALSE\t/\tFALSE\t0\ta\tb", "localhost\tFALSE\t/\tFALSE\t0\ta\tb");
}

#[test]
fn a_line_that_is_not_understood_is_told_without_its_value() {
    #[track_caller]
    fn case(line: &str, told: &str) {
        let error = Jar::read(&format!("\n{line}\n")).unwrap_err();
        assert!(error.starts_with("line 2: ") && error.contains(told), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    case("a=s3cret", "not seven fields");
    case("{\"s3cret\": 1}", "not seven fields");
    case("h\tFALSE\t/\tFALSE\t0\ta\ts3cret\tx", "not seven fields");
    case("h\tyes\t/\tFALSE\t0\ta\ts3cret", "neither TRUE nor FALSE");
    case("h\tFALSE\t/\tFALSE\tnever\ta\ts3cret", "not a time");
    case("h\tFALSE\t/\tFALSE\t-1\ta\ts3cret", "not a time");
    case("h\tFALSE\td\tFALSE\t0\ta\ts3cret", "its path");
    case("h\tFALSE\t/\tFALSE\t0\t\ts3cret", "its name is empty");
    case("h\tFALSE\t/\tFALSE\t0\ta\ts3cret; b=c", "has a `;`");
    case("h/x\tFALSE\t/\tFALSE\t0\ta\ts3cret", "not a host");
    case("u@h\tFALSE\t/\tFALSE\t0\ta\ts3cret", "not a host");
    case("\tFALSE\t/\tFALSE\t0\ta\ts3cret", "not a host");
}

proptest! {
    #[test]
    fn any_field_and_file_is_taken_or_passed_over(field: Vec<u8>, text: String, rest in "[a-z=;. \t]*") {
        let jar = Jar::default();
        let here = url("https://a.h.example/d/f");
        jar.take(&here, &field);
        jar.take(&here, format!("a=b; domain={rest}; path=/{text}; max-age={rest}").as_bytes());
        jar.take(&here, format!("{rest}={text}").as_bytes());
        if let Some(cookies) = jar.cookies_for(&here) {
            prop_assert!(!cookies.contains(|c: char| c.is_control()));
        }
        prop_assert_eq!(Jar::read(&jar.write()).unwrap().write(), jar.write());
        let _ = Jar::read(&text);
    }
}
