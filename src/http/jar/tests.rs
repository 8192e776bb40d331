mod files;

use proptest::prelude::*;

use super::*;
use crate::http::jar::cookie::MAX_PATH;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// Returns what is sent to `to` after responses from `from` have set cookies.
fn sent(from: &str, set: &[&str], to: &str) -> String {
    let jar = Jar::default();
    for field in set {
        jar.take(&url(from), field.as_bytes());
    }
    cookies(&jar, to)
}

/// Reads a file in which nothing is doubtful.
#[track_caller]
fn read(text: &[u8]) -> Jar {
    let (jar, doubt) = Jar::read(text).unwrap();
    assert_eq!(doubt, None);
    jar
}

fn cookies(jar: &Jar, to: &str) -> String {
    String::from_utf8(jar.cookies_for(&url(to), usize::MAX).field).unwrap()
}

/// Returns what a file would be, without its head.
fn saved(jar: &Jar) -> String {
    let text = String::from_utf8(jar.write()).unwrap();
    text.strip_prefix("# Netscape HTTP Cookie File\n\n").unwrap().to_owned()
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
    for here in ["http://127.0.0.1/", "http://[::1]/", "http://localhost:81/", "https://h.example/"]
    {
        case(here, "a=b; Secure", here, true);
        case(here, "__Host-a=b; Secure; Path=/", "http://h.example/", false);
    }
    for elsewhere in ["http://127.0.0.2/", "http://a.localhost/", "http://xlocalhost/"] {
        case(elsewhere, "a=b; Secure", elsewhere, false);
        case(&elsewhere.replace("http:", "https:"), "a=b; Secure", elsewhere, false);
    }
    case("https://127.0.0.1/", "a=b; Secure", "http://127.0.0.1/", true);
    case("https://127.0.0.1/", "a=b", "http://localhost/", false);
    case("https://127.0.0.1/", "a=b; Domain=0.0.1", "https://127.0.0.1/", false);
    case(H, "a=b; Max-Age=0", H, false);
    case(H, "a=b; Max-Age=-1", H, false);
    case(H, "a=b; Max-Age=100; Expires=Thu, 01 Jan 1970 00:00:00 GMT", H, true);
    case(H, "a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT", H, false);
    case(H, "a=b; Expires=Thu, 1 Jan 1970 00:00:00 UTC", H, false);
    case(H, "a=b; HttpOnly; SameSite=Strict", H, true);
    case(H, "a=b; Path=/d/f", "https://www.h.example/d/f?q", true);
    case(H, "a=b; Path=/d/f", "https://www.h.example/d/f/g", true);
    case(H, "a=b; Path=/d/f/", "https://www.h.example/d/f", false);
    case(H, "a=b; Path=d", "https://www.h.example/d/", true);
    case("https://h.example/", "a=b", "https://h.example/d/f", true);
    case("https://h.example/d", "a=b", "https://h.example/e", true);
    case(H, "a=b; Domain=%57ww.h.example", H, true);
    case(H, "a=b; Domain=h.example.", H, false);
    case(H, "a=b; Domain=..h.example", H, false);
    case(H, "a=b; Domain=\u{fc}.example", "https://xn--tda.example/d/", false);
    let u = "https://xn--tda.example/";
    case(u, "a=b; Domain=\u{dc}.example", "https://x.xn--tda.example/", true);
    case("https://[::1]/", "a=b; Domain=[0:0::1]", "https://[::1]/", true);
    case("https://127.0.0.1/", "a=b; Domain=127.0.0.1", "https://127.0.0.1/", true);
    case("https://a.intranet/", "a=b; Domain=intranet", "https://a.intranet/", false);
    case("https://intranet/", "a=b; Domain=intranet", "https://intranet/", true);
    case("https://intranet/", "a=b; Domain=intranet", "https://a.intranet/", false);
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
        ("https://www.city.kawasaki.jp/", "kawasaki.jp", "https://www.b.kawasaki.jp/"),
        ("https://www.city.kawasaki.jp/", "kawasaki.jp", "https://kawasaki.jp/"),
        ("https://kawasaki.jp/", "kawasaki.jp", "https://b.kawasaki.jp/"),
        ("https://console.amazonaws.com/", "amazonaws.com", "https://b.y.elb.amazonaws.com/"),
        ("https://www.ck/", "ck", "https://www.shop.ck/"),
        ("https://evil.lan/", "lan", "https://bank.lan/"),
        ("https://evil.lan/", "lan", "https://evil.lan/"),
        ("https://evil.lan/", "lan", "https://lan/"),
        ("https://a.com./", "com.", "https://b.com./"),
        ("https://a.x.kawasaki.jp./", "kawasaki.jp.", "https://b.y.kawasaki.jp./"),
        ("https://a.xn--gmqw5a.hk/", "\u{500b}\u{4eba}.hk", "https://b.xn--gmqw5a.hk/"),
    ] {
        assert_eq!(sent(from, &[&format!("a=b; Path=/; Domain={domain}")], other), "", "{domain}");
    }
    for alone in ["github.io", "lan", "ck", "kawasaki.jp"] {
        let jar = Jar::default();
        let own = format!("https://{alone}/");
        jar.take(&url(&own), format!("a=b; Domain={alone}").as_bytes());
        assert_eq!(saved(&jar), format!("{alone}\tFALSE\t/\tFALSE\t0\ta\tb\n"));
        assert_eq!(cookies(&jar, &own), "a=b");
        assert_eq!(cookies(&jar, &format!("https://b.{alone}/")), "");
    }
}

#[test]
fn what_comes_in_the_clear_does_not_touch_what_is_secure() {
    const H: &str = "https://www.h.example/";
    #[track_caller]
    fn case(secure: &str, clear: &str, is_touched: bool) {
        let jar = Jar::default();
        jar.take(&url(H), secure.as_bytes());
        for field in [clear, &format!("{clear}; Max-Age=0")] {
            jar.take(&url("http://www.h.example/"), field.as_bytes());
            assert!(cookies(&jar, H).starts_with("a=1"), "{field}");
        }
        jar.take(&url("http://www.h.example/"), clear.as_bytes());
        assert_eq!(cookies(&jar, H).contains("=2"), is_touched, "{clear}");
    }
    case("a=1; Secure", "a=2", false);
    case("a=1; Secure", "a=2; Domain=h.example", false);
    case("a=1; Secure; Domain=h.example", "a=2", false);
    case("a=1; Secure", "b=2", true);
    // What is sent behind it, or not with it, is not taken for it.
    let below = "https://www.h.example/d/e";
    for (path, both) in [("/", "a=1; a=2"), ("/x", "a=1"), ("/d", "a=1"), ("/d/e", "a=1")] {
        let jar = Jar::default();
        jar.take(&url(below), b"a=1; Secure; Path=/d");
        jar.take(&url("http://www.h.example/"), format!("a=2; Path={path}").as_bytes());
        assert_eq!(cookies(&jar, below), both, "{path}");
    }
    let jar = Jar::default();
    jar.take(&url(H), b"a=1; Secure");
    jar.take(&url("http://other.h.example/"), b"a=2");
    assert_eq!(cookies(&jar, "http://other.h.example/"), "a=2");
    assert_eq!(cookies(&jar, "http://www.h.example/"), "");
}

#[test]
fn a_promise_of_a_name_is_held_to() {
    const H: &str = "https://h.example/";
    assert_eq!(sent(H, &["__Secure-a=1; Secure", "__Secure-b=1"], H), "__Secure-a=1");
}

#[test]
fn cookies_are_replaced_and_removed() {
    const H: &str = "https://h.example/d/f";
    assert_eq!(sent(H, &["a=1", "a=2"], H), "a=2");
    assert_eq!(sent(H, &["a=1", "a=; Max-Age=0"], H), "");
    assert_eq!(sent(H, &["a=1", "a=; Expires=Thu, 1-Jan-1970 00:00:00 GMT"], H), "");
    assert_eq!(sent(H, &["a=1", "a=2; Max-Age="], H), "a=2");
    // One of a domain is another than that of its host.
    assert_eq!(sent(H, &["a=1", "a=2; Domain=h.example", "a=3; Path=/"], H), "a=1; a=2; a=3");
    assert_eq!(sent(H, &["a=\"x y\"", "=1", "", ";", "b"], H), "a=\"x y\"");
}

#[test]
fn longer_paths_come_first_and_then_what_was_set_earlier() {
    const H: &str = "https://h.example/d/f";
    let mut set = vec!["c=1; Path=/", "b=2", "a=3; Path=/", "x=4; Domain=h.example", "y=5"];
    assert_eq!(sent(H, &set, H), "b=2; x=4; y=5; c=1; a=3");
    // What is changed keeps its place, and what comes again has a new one.
    set.extend(["c=6; Path=/", "b=; Max-Age=0", "b=7"]);
    assert_eq!(sent(H, &set, H), "x=4; y=5; b=7; c=6; a=3");
    let jar = Jar::default();
    for field in set {
        jar.take(&url(H), field.as_bytes());
    }
    let again = read(&jar.write());
    assert_eq!(cookies(&again, H), cookies(&jar, H));
}

#[test]
fn bytes_are_sent_and_saved_as_they_came() {
    const LINE: &[u8] = b"h.example\tFALSE\t/\tFALSE\t0\t\xe4\t\xff\xe9\n";
    let jar = Jar::default();
    jar.take(&url("https://h.example/"), b"\t\xe4 =\t\xff\xe9\t ; Path=/");
    assert!(jar.write().ends_with(LINE));
    let again = read(&[b"# \xfc\n", LINE].concat());
    assert_eq!(again.cookies_for(&url("https://h.example/"), usize::MAX).field, b"\xe4=\xff\xe9");
}

#[test]
fn numbers_and_paths_are_bounded() {
    const H: &str = "https://h.example/";
    let jar = Jar::default();
    for number in 0..20_000 {
        let host = url(&format!("https://h{}.example/", number / 100));
        jar.take(&host, format!("a{number}=1").as_bytes());
    }
    let count = |jar: &Jar| saved(jar).lines().count();
    assert_eq!(count(&jar), MAX_IN_ALL);
    // What has expired makes room, wherever it is.
    jar.take(&url(H), b"new=1");
    assert_eq!(cookies(&jar, H), "");
    jar.lock().0.values_mut().next().unwrap()[0].expires = Some(Duration::ZERO);
    jar.take(&url(H), b"new=1");
    assert_eq!(cookies(&jar, H), "new=1");
    let far = format!("{H}{}/f", "x".repeat(MAX_PATH));
    assert_eq!(sent(&far, &["a=b"], &far), "");
}

#[test]
fn of_one_domain_what_is_oldest_goes_first_and_last_what_is_secure() {
    const H: &str = "https://h.example/";
    let jar = Jar::default();
    jar.take(&url(H), b"secure=1; Secure");
    for number in 0..2 * MAX_OF_DOMAIN {
        jar.take(&url("http://h.example/"), format!("a{number}=1").as_bytes());
    }
    let names = || {
        let all = cookies(&jar, H);
        let names: Vec<String> =
            all.split("; ").filter_map(|pair| Some(pair.split_once('=')?.0.to_owned())).collect();
        (names.len(), names[0].clone(), names[1].clone(), names[names.len() - 1].clone())
    };
    let all = |first: &str, second: &str, last: &str| {
        (MAX_OF_DOMAIN, first.to_owned(), second.to_owned(), last.to_owned())
    };
    assert_eq!(names(), all("secure", "a151", "a299"));
    // One that is there is changed in its place, and one of another domain is another's.
    jar.take(&url(H), b"a151=changed");
    jar.take(&url("https://www.h.example/"), b"b=1");
    assert_eq!(names(), all("secure", "a151", "a299"));
    assert_eq!(cookies(&jar, "https://www.h.example/"), "b=1");
    for number in 0..MAX_OF_DOMAIN {
        jar.take(&url(H), format!("s{number}=1; Secure").as_bytes());
    }
    assert_eq!(names(), all("s0", "s1", "s149"));
    jar.take(&url("http://h.example/"), b"c=1");
    assert_eq!(names(), all("s0", "s1", "s149"));
}

#[test]
fn what_is_sent_is_bounded() {
    const H: &str = "https://h.example/d/";
    let jar = Jar::default();
    for field in ["a=1; Path=/", "long=234567; Path=/", "b=2; Path=/", "c=3", "d=4; Path=/d/"] {
        jar.take(&url(H), field.as_bytes());
    }
    let sent = |room| {
        let Sent { field, left_out } = jar.cookies_for(&url(H), room);
        (String::from_utf8(field).unwrap(), left_out)
    };
    assert_eq!(sent(35), ("d=4; c=3; a=1; long=234567; b=2".to_owned(), 0));
    assert_eq!(sent(31).1, 0);
    assert_eq!(sent(30), ("d=4; c=3; a=1; long=234567".to_owned(), 1));
    assert_eq!(sent(25), ("d=4; c=3; a=1; b=2".to_owned(), 1));
    assert_eq!(sent(8), ("d=4; c=3".to_owned(), 3));
    assert_eq!(sent(3), ("d=4".to_owned(), 4));
    assert_eq!(sent(0), (String::new(), 5));
    let lines = (0..=MAX_SENT).map(|number| format!("h\tFALSE\t/\tFALSE\t0\t{number}\t\n"));
    let Sent { field, left_out } =
        read(lines.collect::<String>().as_bytes()).cookies_for(&url("https://h/"), usize::MAX);
    assert!(field.ends_with(format!("; {}=", MAX_SENT - 1).as_bytes()) && left_out == 1);
}

proptest! {
    #[test]
    fn any_field_and_file_is_taken_or_passed_over(field: Vec<u8>, text: String, rest in "[a-z=;. \t]*") {
        let jar = Jar::default();
        let here = url("https://a.h.example/d/f");
        jar.take(&here, &field);
        jar.take(&here, format!("a=b; domain={rest}; path=/{text}; max-age={rest}").as_bytes());
        jar.take(&here, format!("{rest}={text}").as_bytes());
        let cookies = jar.cookies_for(&here, usize::MAX).field;
        prop_assert!(!cookies.iter().any(u8::is_ascii_control));
        prop_assert_eq!(read(&jar.write()).write(), jar.write());
        let _ = Jar::read(&field);
        let _ = Jar::read(text.as_bytes());
    }
}
