use super::*;

const FILE: &str = "\
# Netscape HTTP Cookie File

127.0.0.1\tFALSE\t/d\tFALSE\t0\ta\t
#HttpOnly_.h.example\tTRUE\t/\tTRUE\t4102444800\tsession\tx=y
h.example\tFALSE\t/\tFALSE\t4102444800\tb\t\"1\"
";

#[test]
fn a_file_is_written_as_it_was_read() {
    let jar = read(FILE.as_bytes());
    assert_eq!(saved(&jar), FILE.split_once("\n\n").unwrap().1);
    let sent = |to| cookies(&jar, to);
    assert_eq!(sent("https://h.example/"), "session=x=y; b=\"1\"");
    assert_eq!(sent("https://www.h.example/"), "session=x=y");
    assert_eq!(sent("http://h.example/"), "b=\"1\"");
    assert_eq!(sent("http://127.0.0.1:81/d/e"), "a=");
    assert_eq!(sent("http://127.0.0.1:81/"), "");
}

#[test]
fn files_are_read_as_others_write_them() {
    #[track_caller]
    fn case(line: &str, written: &str) {
        let text = saved(&read(line.as_bytes()));
        assert_eq!(text.lines().next().unwrap_or_default(), written, "{line}");
    }
    case("h.example\tTRUE\t/\tfalse\t\ta\tb\r\n", ".h.example\tTRUE\t/\tFALSE\t0\ta\tb");
    case("h.example\tFALSE\t/\tFALSE\t0\ta", "h.example\tFALSE\t/\tFALSE\t0\ta\t");
    case(
        "h.example\tFALSE\t/\tFALSE\t4102444800.5\ta\tb",
        "h.example\tFALSE\t/\tFALSE\t4102444800\ta\tb",
    );
    case("h.example\tFALSE\t/\tFALSE\t1\texpired\tb", "");
    case("h.example\tFALSE\t/\tFALSE\t-1\texpired\tb", "");
    case("h.example\tFALSE\t/\tFALSE\t-1.5\texpired\tb", "");
    case("# h.example\tFALSE\t/\tFALSE\t0\ta\tb", "");
    case("  ", "");
    case("\u{feff}# comment\nh\tFALSE\t/\tFALSE\t0\ta\tb", "h\tFALSE\t/\tFALSE\t0\ta\tb");
    case("\u{feff}h\tFALSE\t/\tFALSE\t0\ta\tb", "h\tFALSE\t/\tFALSE\t0\ta\tb");
    for (path, written) in
        [("d", "/"), ("", "/"), ("\"/d\"", "/d"), ("\"/\"", "/"), ("\"", "/"), ("/d\"", "/d\"")]
    {
        let line = |path: &str| format!("h\tFALSE\t{path}\tFALSE\t0\ta\tb");
        case(&line(path), &line(written));
    }
    let address = |domain: &str| format!("{domain}\tFALSE\t/\tFALSE\t0\ta\tb");
    for written in ["::1", "[::1]", "0:0::1", ".[0::1]"] {
        case(&address(written), &address("::1"));
    }
    case(&address("2001:DB8::0:1"), &address("2001:db8::1"));
    case(&address("::ffff:127.0.0.1"), &address("::ffff:7f00:1"));
    case("::1\tTRUE\t/\tFALSE\t0\ta\tb", &address("::1"));
    assert_eq!(cookies(&read(address("::1").as_bytes()), "http://[::1]:81/"), "a=b");
    let twice = "h.example\tFALSE\t/\tFALSE\t0\ta\tb\nh.example\tFALSE\t/\tFALSE\t";
    case(&format!("{twice}0\ta\tc"), "h.example\tFALSE\t/\tFALSE\t0\ta\tc");
    case(&format!("{twice}1\ta\tc"), "");
    case("localhost\tFALSE\t/\tFALSE\t0\ta\tb", "localhost\tFALSE\t/\tFALSE\t0\ta\tb");
}

#[test]
fn lines_for_a_domain_that_nobody_owns_are_left_out_and_told() {
    #[track_caller]
    fn case(domains: &[&str], told: Option<&str>, left: &[&str]) {
        let lines = domains.iter().map(|domain| format!("{domain}\tTRUE\t/\tFALSE\t0\ta\tb\n"));
        let (jar, doubt) = Jar::read(lines.collect::<String>().as_bytes()).unwrap();
        let text = "is left out: a cookie for all hosts below";
        let told = told.map(|told| told.replacen('…', text, 1));
        assert_eq!(doubt, told, "{domains:?}");
        let saved = saved(&jar);
        let domains: Vec<&str> = saved.lines().filter_map(|line| line.split('\t').next()).collect();
        assert_eq!(domains, left);
    }
    case(&[".co.uk"], Some("line 1 … `co.uk`, which nobody owns"), &[]);
    case(
        &["h.example", "Com", ".github.io", "lan"],
        Some("line 2 … `com`, which nobody owns, and so is what is like it in 2 lines"),
        &[".h.example"],
    );
    case(
        &[".kawasaki.jp", ".city.kawasaki.jp", "ck"],
        Some("line 1 … `kawasaki.jp`, which nobody owns, and so is what is like it in 1 line"),
        &[".city.kawasaki.jp"],
    );
    case(&["127.0.0.1", ".www.ck"], None, &["127.0.0.1", ".www.ck"]);
    // For the host alone it does no harm.
    let jar = read(b"co.uk\tFALSE\t/\tFALSE\t0\ta\tb\n");
    assert_eq!(cookies(&jar, "https://co.uk/"), "a=b");
    assert_eq!(cookies(&jar, "https://foo.co.uk/"), "");
    // That of another owner is not sent, whatever is allowed to be in a file.
    let jar = read(b".amazonaws.com\tTRUE\t/\tFALSE\t0\ta\tb\n");
    assert_eq!(cookies(&jar, "https://a.b.elb.amazonaws.com/"), "");
    assert_eq!(cookies(&jar, "https://console.amazonaws.com/"), "a=b");
}

#[test]
fn a_line_that_is_not_understood_is_told_without_its_value() {
    #[track_caller]
    fn case(line: &str, told: &str) {
        let error = Jar::read(format!("\n{line}\n").as_bytes()).err().unwrap();
        assert!(error.starts_with("line 2: ") && error.contains(told), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    case("a=s3cret", "not seven fields");
    case("{\"s3cret\": 1}", "not seven fields");
    case("h\tFALSE\t/\tFALSE\t0\ta\ts3cret\tx", "not seven fields");
    case("h\tyes\t/\tFALSE\t0\ta\ts3cret", "neither TRUE nor FALSE");
    case("h\tFALSE\t/\tFALSE\tnever\ta\ts3cret", "not a time");
    case("h\tFALSE\t/\tFALSE\t-\ta\ts3cret", "not a time");
    case("h\tFALSE\t/\tFALSE\t--1\ta\ts3cret", "not a time");
    case("h\tFALSE\t/\tFALSE\t0\t\ts3cret", "its name is empty");
    case("h\tFALSE\t/\tFALSE\t0\ta\ts3cret; b=c", "has a `;`");
    case("h/x\tFALSE\t/\tFALSE\t0\ta\ts3cret", "not a host");
    case("::1::\tFALSE\t/\tFALSE\t0\ta\ts3cret", "not a host");
    case("u@h\tFALSE\t/\tFALSE\t0\ta\ts3cret", "not a host");
    case("\tFALSE\t/\tFALSE\t0\ta\ts3cret", "not a host");
}
