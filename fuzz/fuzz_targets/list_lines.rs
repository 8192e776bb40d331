//! Lines of a list: a line that is accepted is a URL without userinfo and fragment that can be asked
//! for, whoever parses it.

#![no_main]

use haul::model::job::Target;
use haul::model::redact::Redacted;
use haul::policy::target;
use libfuzzer_sys::fuzz_target;
use ureq::http::Uri;
use url::Url;

fuzz_target!(|list: &[u8]| {
    for line in list.split(|&b| b == b'\n') {
        let Ok(text) = std::str::from_utf8(line.trim_ascii()) else { continue };
        let read = target::parse(text);
        match &read {
            Ok(Target { url, .. }) => check(url),
            Err(cause) => assert!(!cause.to_string().is_empty(), "refused without a reason"),
        }
        // Schemes and hosts have no case.
        if let Some((head, rest)) = text.split_once(':').filter(|(head, _)| !head.contains('/')) {
            let lower = format!("{}:{rest}", head.to_ascii_lowercase());
            assert_eq!(target::parse(&lower).is_ok(), read.is_ok(), "`{text}` unlike `{lower}`");
        }
    }
});

fn check(url: &Url) {
    assert!(matches!(url.scheme(), "http" | "https"), "another scheme: {url}");
    assert!(url.host_str().is_some_and(|host| !host.is_empty()), "no host: {url}");
    assert!(url.username().is_empty() && url.password().is_none(), "userinfo: {url}");
    assert!(!url.authority().contains('@'), "userinfo: {url}");
    assert_eq!(url.fragment(), None, "a fragment: {url}");
    // Duplicates are told by the URL, so writing it out must not make another of it.
    assert_eq!(target::parse(url.as_str()).map(|again| again.url).ok().as_ref(), Some(url));
    let shown = Redacted(url).to_string();
    assert!(!shown.contains(char::is_control), "shown as {shown:?}");
    // What is sent is read by another parser, which must see the same host, port and path.
    let uri: Uri = url.as_str().parse().unwrap_or_else(|error| panic!("`{url}` as Uri: {error}"));
    assert_eq!(uri.host(), url.host_str(), "another host");
    assert_eq!(uri.port_u16(), url.port(), "another port");
    assert_eq!(uri.path(), url.path(), "another path");
    assert_eq!(uri.query(), url.query(), "another query");
}
