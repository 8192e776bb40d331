//! Tables and properties of templates.

use std::path::Component;

use proptest::prelude::*;

use super::*;

fn place(template: &str, url: &str, server_name: Option<&str>) -> String {
    let url = Url::parse(url).unwrap();
    let facts = Facts { url: &url, index: 7, server_name, sha256: "5ha" };
    let Placement { folder, name } = template.parse::<Template>().unwrap().place(&facts);
    folder.join(name.unwrap()).into_os_string().into_string().unwrap()
}

#[track_caller]
fn case(template: &str, url: &str, path: &str) {
    assert_eq!(place(template, url, None), path, "{template} {url}");
}

#[test]
fn each_value_stands_for_its_part_of_the_url() {
    const URL: &str = "https://u:p@h.example/a%20b/c/d.tar.gz?x=1&y=2#f";
    case("{host}", URL, "h.example");
    case("{path}", URL, "a b/c/d.tar.gz");
    case("{dir}/x", URL, "a b/c/x");
    case("{name}", URL, "d.tar.gz");
    case("{stem}", URL, "d");
    case("{ext}", URL, "tar.gz");
    case("{query}", URL, "x=1&y=2");
    case("{index}", URL, "7");
    case("{index:04}.{ext}", URL, "0007.tar.gz");
    case("{sha256}.{ext}", URL, "5ha.tar.gz");
    case(TREE, URL, "h.example/a b/c/d.tar.gz");
    case("{{{stem}}}-{{}}", URL, "{d}-{}");
    case("x{path}x", URL, "xa b/c/d.tar.gzx");
    case("ü/{index}日.{ext}", URL, "ü/7日.tar.gz");
    case("a//./{name}", URL, "a/d.tar.gz");
}

#[test]
fn what_a_url_has_not_leaves_no_trace() {
    case("{path}", "http://h", "index.html");
    case("{path}", "http://h/a/", "a/index.html");
    case("{dir}/{name}", "http://h/x", "x");
    case("{dir}{name}", "http://h/x", "x");
    case("{dir}/{name}", "http://h//a//x", "a/x");
    case("{name}", "http://h/a/?q", "index.html");
    case("{query}", "http://h/a", "index.html");
    case("{query}/{name}", "http://h/a", "a");
    case("{stem}.{ext}", "http://h/data", "data");
    case("{stem}.{ext}.old", "http://h/data", "data.old");
    case("{stem}.{ext}.old", "http://h/data.csv", "data.csv.old");
    case("{stem}-{ext}", "http://h/data", "data-");
    case("{ext}/{name}", "http://h/data", "data");
    case("{ext}", "http://h/data", "index.html");
}

#[test]
fn the_bytes_of_a_data_url_are_no_part_of_a_name() {
    case(TREE, "data:,hello", "data");
    case("{dir}/{path}", "data:text/plain;base64,aGVs/bG8=", "data");
    case("{name}-{query}", "data:,a?b/c", "data-");
}

#[test]
fn hosts_are_names() {
    case("{host}/x", "http://h:8080/", "h_8080/x");
    case("{host}/x", "http://h:80/", "h/x");
    case("{host}/x", "https://h:80/", "h_80/x");
    case("{host}/x", "http://[2001:db8::1]/", "2001-db8--1/x");
    case("{host}/x", "http://[2001:db8::1]:8080/", "2001-db8--1_8080/x");
    case("{host}/x", "http://[::1]:8080/", "_-1_8080/x");
    case("{host}/x", "http://127.1/", "127.0.0.1/x");
    case("{host}/x", "http://bücher.example./", "xn--bcher-kva.example/x");
    case("{host}/x", "http://con/", "_con/x");
}

#[test]
fn a_separator_in_a_value_divides_nothing() {
    case("{query}.txt", "http://h/?f=/etc/passwd", "f=_etc_passwd.txt");
    case("{query}.txt", "http://h/?f=%2Fetc%5Cpasswd", "f=_etc_passwd.txt");
    case("{path}", "http://h/a%2Fb/..%2F..%2Fc", "b/c");
    case("{dir}/{query}", "http://h/%2E%2E/%2e%2e%2f/x?..", "index.html");
    case("a{query}", "http://h/?/../../b", "a_.._.._b");
}

#[test]
fn components_pass_the_filter_of_all_names() {
    case("{path}", "http://h/.ssh/-rf", "_ssh/_rf");
    case("{path}", "http://h/x.part/nul.txt", "x.part_/_nul.txt");
    case(".{name}", "http://h/x", "_x");
    case("{name}.part", "http://h/x", "x.part_");
    case("a{query}", "http://h/?%1b%e2%80%aex", "ax");
    let long = format!("http://h/{}.tar.gz", "n".repeat(300));
    let path = place("{stem}-{index}.{ext}", &long, None);
    assert!(path.len() <= filename::MAX_NAME_BYTES && path.ends_with("n.tar.gz"), "{path}");
    let path = place("{stem}-{sha256}.{ext}", &long, None);
    assert!(path.len() <= filename::MAX_NAME_BYTES, "{path}");
    assert!(path.starts_with("5ha-n") && path.ends_with("n.tar.gz"), "{path}");
}

#[test]
fn bytes_that_are_no_text_stay_as_the_url_has_them() {
    const URL: &str = "https://h/d%E9/%C3%BC/%CE%C4.tar.gz?f=/%E9%C3%BC&y=2";
    case(TREE, URL, "h/d%E9/ü/%CE%C4.tar.gz");
    case("ü{dir}/x", URL, "üd%E9/ü/x");
    case("ü{stem}-{ext}", URL, "ü%CE%C4-tar.gz");
    case("ü{query}", URL, "üf=%2F%E9%C3%BC&y=2");
    case("{path}", "https://h/%2E%2E%2F%FF/..%5C%FF", "_.%2F%FF/_.%5C%FF");
}

#[test]
fn secrets_are_no_part_of_a_name() {
    case("{query}", "http://h/?id=1&token=t&sig=s&y=2", "id=1&y=2");
    case("{query}", "http://h/?to%6ben=t", "index.html");
    case("{query}", "http://h/?id=1;token=t;y=2&key=k", "id=1;y=2");
    case("{query}", "http://h/?&id=1&&token=t&", "&id=1&");
}

#[test]
fn the_server_may_give_the_name_and_nothing_else() {
    let case = |template: &str, path: &str| {
        assert_eq!(place(template, "http://h/a/get?id=1", Some("r.pdf")), path);
    };
    case("{name}", "r.pdf");
    case("{stem}_{index}.{ext}", "r_7.pdf");
    case("{path}", "a/get");
    case("{dir}/{name}", "a/r.pdf");
}

#[test]
fn what_is_wrong_is_named() {
    #[track_caller]
    fn case(text: &str, why: &str) {
        let told = text.parse::<Template>().unwrap_err();
        assert!(told.contains(why), "{told}");
    }
    case("{foo}", "`{foo}` is not known; known are {host}, {path},");
    case("{}", "`{}` is not known");
    case("{Host}", "`{Host}` is not known");
    case("{ext:03}", "`{ext:03}` is not known");
    case("{name", "a `{` without a `}`");
    case("name}", "a `}` without a `{`");
    case("{{name}", "a `}` without a `{`");
    case("{index:4}", "`{index:4}` has no width");
    case("{index:0}", "has no width");
    case("{index:021}", "has no width");
    case("{index:0x4}", "has no width");
    case("../{name}", "`..` leads out of the folder");
    case("/{name}", "absolute");
    case("{host}/", "names no file");
    case("", "names no file");
    case("a\\{name}", "in no name");
    case("a\0", "in no name");
}

#[test]
fn what_is_used_is_known() {
    let has = |text: &str| {
        let template: Template = text.parse().unwrap();
        (template.has_sha256(), template.has_index(), template.has_name())
    };
    assert_eq!(has(TREE), (false, false, false));
    assert_eq!(has("{sha256}.{ext}"), (true, false, true));
    assert_eq!(has("{index:02}{{name}}"), (false, true, false));
}

/// Parts that templates and URLs are put together from, the worst among them.
const WORDS: [&str; 18] = [
    "{host}",
    "{path}",
    "{dir}",
    "{name}",
    "{stem}",
    "{ext}",
    "{index}",
    "{index:09}",
    "{query}",
    "{sha256}",
    "/",
    ".",
    "..",
    "-",
    "~",
    " ",
    "{{",
    "x",
];
const PARTS: [&str; 16] = [
    "/",
    "..",
    "%2e",
    "%2f",
    "%5c",
    "%00",
    ".",
    "-",
    "?",
    "&",
    "=",
    ":",
    "%e2%80%ae",
    "a.tar.gz",
    "%ff",
    "nul",
];

proptest! {
    #[test]
    fn no_template_leaves_the_folder(
        words in prop::collection::vec(prop::sample::select(&WORDS[..]), 1..8),
        parts in prop::collection::vec(prop::sample::select(&PARTS[..]), 0..12),
        any in ".*",
        server_name in prop::option::of(any::<Vec<u8>>()),
    ) {
        for text in [words.concat(), any.clone()] {
            let Ok(template) = text.parse::<Template>() else { continue };
            for rest in [parts.concat(), any.clone()] {
                let Ok(url) = Url::parse(&format!("http://h/{rest}")) else { continue };
                let server_name = server_name.as_deref().and_then(filename::filter);
                let server_name = server_name.as_deref();
                let facts = Facts { url: &url, index: u32::MAX, server_name, sha256: "5ha" };
                let Placement { folder, name } = template.place(&facts);
                let name = name.unwrap();
                prop_assert_eq!(filename::filter(name.as_bytes()), Some(name.clone()));
                let path = folder.join(name);
                for component in path.components() {
                    let Component::Normal(name) = component else {
                        return Err(TestCaseError::fail(format!("{}", path.display())));
                    };
                    prop_assert_eq!(
                        filename::filter(name.as_encoded_bytes()),
                        name.to_str().map(str::to_owned)
                    );
                }
            }
        }
    }
}
