use proptest::prelude::*;

use super::*;

#[test]
fn texts_become_proxies() {
    #[track_caller]
    fn case(text: &str, shown: &str, login: Option<(&str, &str)>) {
        let proxy = parse(text).unwrap();
        assert_eq!(proxy.to_string(), shown);
        let found = proxy.credentials.map(|found| (found.user, found.password));
        assert_eq!(found, login.map(|(user, password)| (user.into(), password.into())));
    }
    case("http://p.example:3128", "http://p.example:3128", None);
    case("p.example", "http://p.example:1080", None);
    case("p.example:80", "http://p.example:80", None);
    case("http://p.example:80/", "http://p.example:80", None);
    case("http://p.example:443", "http://p.example:443", None);
    case("https://p.example", "https://p.example:443", None);
    case("https://p.example:80", "https://p.example:80", None);
    case("SOCKS5h://P.Example", "socks5h://p.example:1080", None);
    case("socks4://10.0.0.1", "socks4://10.0.0.1:1080", None);
    case("socks4a://me@10.0.0.1:9", "socks4a://10.0.0.1:9", Some(("me", "")));
    case("socks5://[::1]:1081", "socks5://[::1]:1081", None);
    case("http://bücher.example", "http://xn--bcher-kva.example:1080", None);
    case("http://me:s%40cret@p:1", "http://p:1", Some(("me", "s@cret")));
    case("me:p%3Aw@p:1", "http://p:1", Some(("me", "p:w")));
    case("socks5://me:@p", "socks5://p:1080", Some(("me", "")));
    case(" http://p:1 ", "http://p:1", None);
}

#[test]
fn texts_that_are_no_proxies_say_why_without_the_login() {
    #[track_caller]
    fn case(text: &str, why: &str) {
        let error = parse(text).unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    case("ftp://me:s3cret@p", "a proxy is http, https, socks4, socks4a, socks5 or socks5h");
    case("socks://p", "a proxy is");
    case("http://me:s3cret@p:99999", "invalid port number");
    case("http://", "empty host");
    case("http://me:s3cret@p/pac", "more than a host and a port");
    case("http://p?x", "more than a host and a port");
    case("http://me:s3cret@p q", "a character that no URL has");
    case("http://m%3Ae:s3cret@p", "a name with a colon");
    case("socks4://me:s3cret@p", "no passwords");
    case("socks5://:s3cret@p", "a name of 1 to 255 bytes");
    case(&format!("socks5h://me:s3cret{}@p", "x".repeat(250)), "a name of 1 to 255 bytes");
}

#[test]
fn the_scheme_of_the_url_chooses() {
    let proxy = |text| Some(Arc::new(parse(text).unwrap()));
    let proxies = Proxies { http: proxy("a:1"), https: proxy("b:2"), ..Proxies::default() };
    let chosen = |proxies: &Proxies, url: &str| {
        proxies.choose(&Url::parse(url).unwrap()).map(|proxy| proxy.host.clone())
    };
    assert_eq!(chosen(&proxies, "http://h/").as_deref(), Some("a"));
    assert_eq!(chosen(&proxies, "https://h/").as_deref(), Some("b"));
    let (exceptions, _) = Exceptions::parse("h:443");
    let proxies = Proxies { exceptions, ..proxies };
    assert_eq!(chosen(&proxies, "http://h/").as_deref(), Some("a"));
    assert_eq!(chosen(&proxies, "https://h/"), None);
    assert_eq!(chosen(&Proxies::default(), "http://h/"), None);
}

#[track_caller]
fn covers(list: &str, url: &str) -> bool {
    let (exceptions, wrong) = Exceptions::parse(list);
    assert_eq!(wrong, [""; 0]);
    exceptions.cover(&Url::parse(url).unwrap())
}

#[test]
fn exceptions_are_names_addresses_and_networks() {
    const YES: bool = true;
    const NO: bool = false;
    let cases = [
        ("", "http://h/", NO),
        (" , ", "http://h/", NO),
        ("*", "http://h/", YES),
        ("*", "http://10.0.0.1/", YES),
        ("a, * ,b", "http://[::1]/", YES),
        // Names, and what is below them.
        ("example.com", "http://example.com/", YES),
        ("example.com", "http://www.example.com/", YES),
        ("example.com", "http://a.b.example.com/", YES),
        ("example.com", "http://notexample.com/", NO),
        ("example.com", "http://example.com.evil/", NO),
        ("example.com", "http://com/", NO),
        (".example.com", "http://example.com/", YES),
        (".example.com", "http://www.example.com/", YES),
        (".example.com", "http://notexample.com/", NO),
        ("*.example.com", "http://www.example.com/", YES),
        ("EXAMPLE.com.", "http://Example.COM/", YES),
        ("example.com", "http://example.com./", YES),
        ("bücher.example", "http://xn--bcher-kva.example/", YES),
        ("localhost", "http://localhost:8080/", YES),
        ("localhost", "http://127.0.0.1/", NO),
        ("a b\tc,d", "http://c/", YES),
        ("a b\tc,d", "http://d/", YES),
        // Ports.
        ("example.com:8080", "http://example.com:8080/", YES),
        ("example.com:8080", "http://www.example.com:8080/", YES),
        ("example.com:8080", "http://example.com/", NO),
        ("example.com:80", "http://example.com/", YES),
        ("example.com:443", "https://example.com/", YES),
        ("example.com:80", "https://example.com/", NO),
        ("10.0.0.1:81", "http://10.0.0.1:81/", YES),
        ("10.0.0.1:81", "http://10.0.0.1/", NO),
        ("[::1]:81", "http://[::1]:81/", YES),
        ("[::1]:81", "http://[::1]/", NO),
        // Addresses and networks.
        ("10.0.0.1", "http://10.0.0.1/", YES),
        ("10.0.0.1", "http://10.0.0.10/", NO),
        ("0.0.1", "http://10.0.0.1/", NO),
        ("10.0.0.0/8", "http://10.255.0.1/", YES),
        ("10.0.0.0/8", "http://11.0.0.1/", NO),
        ("10.1.2.3/8", "http://10.9.9.9/", YES),
        ("192.168.0.0/23", "http://192.168.1.255/", YES),
        ("192.168.0.0/23", "http://192.168.2.0/", NO),
        ("0.0.0.0/0", "http://8.8.8.8/", YES),
        ("0.0.0.0/0", "http://[::1]/", NO),
        ("0.0.0.0/0", "http://h/", NO),
        ("::1", "http://[::1]/", YES),
        ("[::1]", "http://[0:0::1]:99/", YES),
        ("fe80::/10", "http://[febf::1]/", YES),
        ("fe80::/10", "http://[fec0::1]/", NO),
        ("10.0.0.0/8", "http://[::ffff:10.0.0.1]/", YES),
        ("::ffff:0:0/96", "http://[::ffff:10.0.0.1]/", YES),
    ];
    for (list, url, covered) in cases {
        assert_eq!(covers(list, url), covered, "{list:?} and {url}");
    }
}

#[test]
fn exceptions_that_say_nothing_are_told_and_the_others_hold() {
    let list = "a,10.0.0.0/33,b:http,b:99999,192.168.*,[::1,c/8,::/129,*:80";
    let (exceptions, wrong) = Exceptions::parse(list);
    let said = ["10.0.0.0/33", "b:http", "b:99999", "192.168.*", "[::1", "c/8", "::/129", "*:80"];
    assert_eq!(wrong, said);
    assert!(exceptions.cover(&Url::parse("http://a/").unwrap()));
    assert!(!exceptions.cover(&Url::parse("http://b/").unwrap()));
}

proptest! {
    #[test]
    fn any_text_returns(text: String) {
        let _ = parse(&text);
        let (exceptions, _) = Exceptions::parse(&text);
        exceptions.cover(&Url::parse("http://h/").unwrap());
    }
}
