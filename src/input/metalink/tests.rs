use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::input::entry::{Batch, Wanted};

const SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const SHA1: &str = "a9993e364706816aba3e25717850c26c9cd0d89d";
const MD5: &str = "900150983cd24fb0d6963f7d28e17f72";

/// Returns what is found in a document, and what became of it.
fn run(document: &[u8]) -> (Batch, Result<(), (u64, String)>) {
    let (sender, receiver) = crossbeam_channel::unbounded();
    let mut output = Output { sender, batch: Batch::default() };
    let (_, bytes) = look(document).unwrap();
    let Ok(result) = read(&Arc::from("m"), bytes, &mut output) else {
        panic!("the receiver is there")
    };
    let _ = output.flush();
    let mut found = Batch::default();
    for batch in receiver.try_iter() {
        found.warnings.extend(batch.warnings);
        found.entries.extend(batch.entries);
    }
    (found, result.map_err(|(line, error)| (line, error.to_string())))
}

/// Returns what became of the files, each with its line, and the warnings.
fn told(document: &[u8]) -> (Vec<String>, Vec<String>) {
    let (found, result) = run(document);
    result.unwrap();
    let told = |entry: Entry| match entry.wanted {
        Ok(wanted) => {
            let path = wanted.place.folder.join(wanted.place.name.clone().unwrap_or_default());
            let path = path.display().to_string();
            let size = wanted.size.map(|size| size.to_string());
            let sum = wanted.checksum.as_ref().map(|sum| sum.to_string()[..10].to_owned());
            let pieces = wanted.pieces.as_ref().map(|pieces| format!("{}p", pieces.count()));
            let urls = [wanted.target].into_iter().chain(wanted.mirrors);
            let urls = urls.map(|target| target.url.to_string());
            let told: Vec<_> =
                [path].into_iter().chain(size).chain(sum).chain(pieces).chain(urls).collect();
            format!("{} {}", entry.origin, told.join(" "))
        }
        Err(cause) => format!("{} {} {cause}", entry.origin, entry.text),
    };
    (found.entries.into_iter().map(told).collect(), found.warnings)
}

/// What is told of the first thing of its kind.
fn only_first(text: &str) -> String {
    format!("{text}; others like it are not told")
}

/// Returns what became of the one file that has this in it.
#[track_caller]
fn file(inside: &str) -> (String, Vec<String>) {
    let url = "<url>http://a/</url>";
    let document = format!("<metalink>\n<file name='x'>\n{inside}{url}</file></metalink>");
    let (mut found, warnings) = told(document.as_bytes());
    assert_eq!(found.len(), 1, "{found:?}");
    (found.remove(0), warnings)
}

#[test]
fn a_file_is_what_its_element_says() {
    let document = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>
        <!-- a note --><metalink xmlns=\"urn:ietf:params:xml:ns:metalink\">
          <published>2009-05-15T12:23:23Z</published>
          <file name=\"d/ex&amp;le.ext\">
            <size> 3 </size>
            <identity>file, and <url>http://no.example/</url></identity>
            <hash type=\"sha-1\">{SHA1}</hash><hash type=\"sha-256\">
              {SHA256}
            </hash><hash type=\"md5\">{MD5}</hash><hash type=\"whirl\">zz</hash>
            <pieces length=\"2\" type=\"sha-1\"><hash>{SHA1}</hash><hash>{SHA1}</hash></pieces>
            <url location=\"de\" priority=\"2\">https://b.example/x?a=1&amp;b=&#x32;</url>
            <url><![CDATA[http://last.example/x]]></url>
            <url priority=\"1\">http://a.example/x</url>
            <url priority=\"2\">http://c.example/x</url>
            <url priority=\"3\">http://a.example/x</url>
            <metaurl mediatype=\"torrent\">http://t.example/x.torrent</metaurl>
          </file>
          <x:file xmlns:x=\"urn:x\" name=\"no\"><url>http://no.example/</url></x:file>
          <file name=\"y\"><url>http://a.example/y</url></file>
        </metalink>\n\n"
    );
    let (found, warnings) = told(document.as_bytes());
    assert_eq!(
        found,
        [
            "m:4 d/ex&le.ext 3 sha256:ba7 2p http://a.example/x https://b.example/x?a=1&b=2 \
             http://c.example/x http://last.example/x",
            "m:19 y http://a.example/y",
        ]
    );
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn version_3_is_read_too() {
    let document = format!(
        "<metalink version='3.0' xmlns='http://www.metalinker.org/'><files><file name='x'>
        <size>3</size><verification><hash type='md5'>{MD5}</hash>
        <pieces length='3' type='sha1'><hash piece='0'>{SHA1}</hash></pieces></verification>
        <resources><url type='bittorrent' preference='100'>http://t.example/x.torrent</url>
        <url type='http' preference='10'>http://a.example/x</url>
        <url type='http' location='de' preference='100'>http://b.example/x</url>
        <url type='ftp' preference='90'>ftp://c.example/x</url></resources></file></files></metalink>"
    );
    let (found, warnings) = told(document.as_bytes());
    assert_eq!(found, ["m:1 x 3 md5:900150 1p http://b.example/x http://a.example/x"]);
    assert_eq!(
        warnings,
        [only_first("m:7: `ftp://c.example/x` is not used: scheme `ftp` is not supported")]
    );
}

#[test]
fn the_pieces_of_version_3_are_in_the_order_of_their_numbers() {
    let zeros = "0".repeat(40);
    let hash = |number: u8, text: &str| format!("<hash piece='{number}'>{text}</hash>");
    let document = format!(
        "<metalink version='3.0'><files><file name='x'><size>2</size><verification>
        <pieces length='1' type='sha1'>{}{}</pieces></verification>
        <resources><url>http://a.example/x</url></resources></file></files></metalink>",
        hash(1, SHA1),
        hash(0, &zeros)
    );
    let (found, result) = run(document.as_bytes());
    assert!(result.is_ok() && found.warnings.is_empty());
    let pieces = found.entries[0].wanted.as_ref().unwrap().pieces.as_ref().unwrap();
    let hashes: Vec<_> = pieces.of(2).map(|(_, digest)| digest.hex()).collect();
    assert_eq!(hashes, [&zeros, SHA1]);
}

#[test]
fn names_of_a_prefix_are_those_of_the_root() {
    let document = "<m:metalink xmlns:m='urn:ietf:params:xml:ns:metalink'>\
                    <file name='no'><url>http://no/</url></file>\
                    <m:file name='x'><m:url>http://a/</m:url><url>http://no/</url></m:file></m:metalink>";
    let (found, result) = run(document.as_bytes());
    // Not told by its looks, for it begins as nothing that is known.
    assert!(result.is_ok());
    let Ok(Wanted { target, mirrors, .. }) = &found.entries[0].wanted else { panic!() };
    assert_eq!((target.url.as_str(), mirrors.len(), found.entries.len()), ("http://a/", 0, 1));
}

#[test]
fn a_file_that_is_wrong_fails_alone_and_says_where() {
    #[track_caller]
    fn case(inside: &str, expected: &str) {
        assert_eq!(file(inside).0, expected);
    }
    case("<size>3</size>", "m:2 x 3 http://a/");
    case("<size>-3</size>", "m:3 x `-3` is not a number of bytes");
    case("\n<hash type='sha-256'>00</hash>", "m:4 x `sha256:00` has 1 byte, and sha256 has 32");
    let two = format!("<hash type='md5'>{MD5}</hash><hash type='md5'>{}</hash>", "0".repeat(32));
    case(&two, "m:3 x two `md5` that contradict each other");
    let two = "<hash type='x'>x</hash><size>x</size>\n<size>y</size>";
    assert_eq!(file(two), ("m:3 x `x` is not a number of bytes".to_owned(), vec![]));

    let (found, _) = told(
        b"<metalink>\n<file><url>http://a/</url></file>\n<file name='../x'/>\n<file name='/x'/>\n\
          <file name='x'><url>ftp://a/</url></file>\n<file name='y'><url>http://b/</url></file>\n\
          </metalink>",
    );
    let told = [
        "m:2  the path `` names no file",
        "m:3 ../x the path `../x` has `..` in it",
        "m:4 /x the path `/x` is absolute, and a list has paths below `--dir` only",
        "m:5 x no URL of http or https",
        "m:6 y http://b/",
    ];
    assert_eq!(found, told);
}

#[test]
fn what_is_malformed_is_passed_over_while_there_is_another_check() {
    #[track_caller]
    fn case(inside: &str, expected: &str, warning: &str) {
        let warning = only_first(&format!("m:3: {warning}"));
        assert_eq!(file(inside), (expected.to_owned(), vec![warning]));
    }
    let bad = "<hash type='sha-1'>00</hash>";
    let why = "a hash is not used: `sha1:00` has 1 byte, and sha1 has 20";
    case(&format!("{bad}<hash type='md5'>{MD5}</hash>"), "m:2 x md5:900150 http://a/", why);
    let pieces = format!("<pieces length='3' type='sha1'><hash>{SHA1}</hash></pieces>");
    case(&format!("<size>3</size>{pieces}{bad}"), "m:2 x 3 1p http://a/", why);
    case("<size/>", "m:2 x http://a/", "an empty `size` is not used");
    // Nothing but what is malformed, or not known, is no check.
    let told = format!("m:3 x {}", &why["a hash is not used: ".len()..]);
    assert_eq!(file(&format!("<hash type='x'>x</hash>{bad}{pieces}")), (told, vec![]));
}

#[test]
fn pieces_that_do_not_make_the_file_are_not_used() {
    #[track_caller]
    fn case(pieces: &str, why: &str) {
        let text = format!("the hashes of its pieces are not used: {why}");
        assert_eq!(file(pieces).0, format!("m:2 x {text}"));
        // Where all of the file can be checked, they are not needed.
        let (found, warnings) = file(&format!("{pieces}<hash type='sha-256'>{SHA256}</hash>"));
        assert!(found.contains("sha256:ba7") && !found.contains("1p"), "{found}");
        assert_eq!(warnings, [only_first(&format!("m:2: {text}"))]);
    }
    let hash = format!("<hash>{SHA1}</hash>");
    let pieces =
        |length: &str, inside: &str| format!("<pieces type='sha-1' {length}>{inside}</pieces>");
    case(&pieces("length='3'", &hash), "the file has no size");
    case(&format!("<size>4</size>{}", pieces("length='3'", &hash)), "they do not make 4 bytes");
    case(&pieces("length='0'", &hash), "they have no length");
    case(&pieces("", &hash), "they have no length");
    case(&pieces("length='3'", "<hash>00</hash>"), "`sha1:00` has 1 byte, and sha1 has 20");
    let twice = hash.replacen('>', " piece='0'>", 1).repeat(2);
    let twice = format!("<size>4</size>{}", pieces("length='3'", &twice));
    case(&twice, "their numbers are not 0 to 1, each once");
    let many = format!("<size>1</size>{}", pieces("length='3'", &hash.repeat(65_537)));
    case(&many, "there are more than 65536");
    // Others may make it.
    let none = pieces("length='3'", "").replace("sha-1", "sha-512");
    let (found, warnings) = file(&format!("<size>3</size>{none}{}", pieces("length='3'", &hash)));
    assert_eq!((&*found, warnings.len()), ("m:2 x 3 1p http://a/", 0));
    assert_eq!(file(&format!("<size>0</size>{none}")).0, "m:2 x 0 0p http://a/");
    // Those of no known kind are as a hash of no known kind.
    let unknown = format!("<size>3</size>{}", pieces("length='3'", &hash).replace("sha-1", "x"));
    let told = only_first("m:2: not checked: its hashes are of no kind that is known");
    assert_eq!(file(&unknown), ("m:2 x 3 http://a/".to_owned(), vec![told]));
    let (_, warnings) = file(&format!("{unknown}<hash type='md5'>{MD5}</hash>"));
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn what_cannot_be_checked_or_asked_is_told_once() {
    let one = "<file name='x'><hash type='sha3'>00</hash><url>ftp://u:secret@a/</url>\
               <url>http:// /</url><url>http://a/</url></file>";
    let (found, warnings) = told(format!("<metalink>{}</metalink>", one.repeat(3)).as_bytes());
    assert_eq!(found, ["m:1 x http://a/"; 3]);
    assert_eq!(
        warnings,
        [
            only_first("m:1: `ftp://***@a/` is not used: scheme `ftp` is not supported"),
            only_first("m:1: not checked: its hashes are of no kind that is known"),
        ]
    );
}

#[test]
fn a_relative_url_is_no_host() {
    #[track_caller]
    fn case(url: &str) {
        let told = only_first(&format!("`{url}` is not used: it is no absolute URL"));
        let relative = format!("<url priority='1'>{url}</url>");
        assert_eq!(file(&relative), ("m:2 x http://a/".to_owned(), vec![format!("m:3: {told}")]));
        let alone =
            format!("<metalink xml:base='http://b/'><file name='x'>{relative}</file></metalink>");
        let (found, warnings) = self::told(alone.as_bytes());
        assert_eq!(found, ["m:1 x no absolute URL of http or https"]);
        assert_eq!(warnings, [format!("m:1: {told}")]);
    }
    for url in
        ["example.ext", "d/x.iso", "/x.iso", "//b.example/x", "../x", "?x", "b.example:80/x", ""]
    {
        case(url);
    }
}

#[test]
fn more_urls_than_are_of_use_are_not_kept() {
    let urls = (0..5000).map(|n| format!("<url priority='{}'>http://a/{n}</url>", 5000 - n));
    let document =
        format!("<metalink><file name='x'>{}</file></metalink>", urls.collect::<Vec<_>>().concat());
    let (found, _) = run(document.as_bytes());
    let Ok(Wanted { target, mirrors, .. }) = &found.entries[0].wanted else { panic!() };
    assert_eq!((target.url.as_str(), mirrors.len()), ("http://a/4999", 255));
}

#[test]
fn a_document_that_is_not_read_on_says_why_and_where() {
    #[track_caller]
    fn case(rest: &str, line: u64, why: &str) {
        let document = format!("<metalink><file name='x'><url>http://a/</url></file>{rest}");
        let (found, _) = told(document.as_bytes());
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[1].starts_with(&format!("m:{line} m ")) && found[1].contains(why),
            "{found:?}"
        );
    }
    case("", 1, "the document ends before its last tag");
    case("\n\n<file name='y'><url>http://b", 3, "the document ends before its last tag");
    case("\n<file", 2, "not well-formed XML");
    case("</file>", 1, "not well-formed XML");
    case("\n<file name='a' name='b'>", 2, "not well-formed XML");
    case("</metalink>\n<metalink/>", 2, "more follows after the last tag");
    case("</metalink>\nhttp://a/", 2, "text outside of all elements");
    case("<size>&x;</size>", 1, "an entity that is not XML's own");
    case("\n<file name='&x;'/>", 2, "not well-formed XML");
    case("\n<!DOCTYPE x [<!ENTITY a 'b'>]>", 2, "a document type (`<!DOCTYPE`)");
    case(&"<x>".repeat(1000), 1, "elements are more than 32 deep in one another");
    case(&format!("\n<x y='{}'/>", "x".repeat(70_000)), 2, "more than 65536 bytes in one tag");
    case(&format!("<!--{}-->", "x".repeat(70_000)), 1, "more than 65536 bytes in one tag");
    case(&"x".repeat(70_000), 1, "more than 65536 bytes in one tag or text");
    let many = (0..100).map(|n| format!(" a{n}=''")).collect::<Vec<_>>().concat();
    case(&format!("<file{many}/>"), 1, "a tag has more than 64 attributes");
    let long = "<![CDATA[x]]>".repeat(70_000);
    case(&format!("<file><size>{long}"), 1, "a value has more than 65536 bytes");

    let alone = |document: &[u8]| told(document).0.remove(0);
    assert_eq!(
        alone(b"<!DOCTYPE html>\n<html>"),
        "m:1 m a document type (`<!DOCTYPE`), which can make \
        a small document a huge one, is not read"
    );
    assert_eq!(alone(b"<html>"), "m:1 m not a Metalink document: it begins with `<html>`");
    assert_eq!(
        alone(b"<?xml version='1.0'\n encoding='iso-8859-1'?><metalink/>"),
        "m:2 m the document is in `iso-8859-1`, and only UTF-8 and UTF-16 are read"
    );
    assert!(alone(b"<metalink>\xff").contains("UTF-8"));
    assert_eq!(alone(b""), "m:1 m the document ends before its last tag");
}

#[test]
fn a_billion_laughs_take_no_memory() {
    let mut document = "<?xml version='1.0'?>\n<!DOCTYPE l [<!ENTITY l0 'lol'>".to_owned();
    for n in 1..10 {
        let inner = format!("&l{};", n - 1).repeat(10);
        let _ = write!(document, "\n<!ENTITY l{n} '{inner}'>");
    }
    document += "]>\n<metalink><file name='&l9;'/></metalink>";
    let (found, _) = told(document.as_bytes());
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("m:11 m a document type"), "{found:?}");
}

#[test]
fn documents_are_told_by_their_first_bytes() {
    #[track_caller]
    fn case(head: &[u8], is_xml: Result<bool, TooFew>) {
        assert_eq!(judge(head), is_xml, "{head:?}");
    }
    case(b"", Err(TooFew));
    case(b" \n\t", Err(TooFew));
    case(b"\xef\xbb", Err(TooFew));
    case(b"\xef\xbb\xbf <?xml ", Ok(true));
    case(b"<meta", Err(TooFew));
    case(b"<metalink>", Ok(true));
    case(b"<!-- ", Ok(true));
    case(b"<html>", Ok(false));
    case(b"http://a/", Ok(false));
    case(&[b' '; 2000], Ok(false));
}

/// What documents are made of.
const PARTS: [&str; 23] = [
    "<metalink>",
    "</metalink>",
    "<files>",
    "</files>",
    "<file name='x'>",
    "</file>",
    "<file>",
    "<size>",
    "3",
    "</size>",
    "<hash type='sha-256'>",
    "</hash>",
    "<pieces length='1' type='md5'>",
    "</pieces>",
    "<url priority='1'>",
    "http://a/",
    "</url>",
    "<resources>",
    "</resources>",
    "&amp;",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE x>",
];

proptest! {
    #[test]
    fn any_bytes_are_read_to_an_end(
        bytes: Vec<u8>,
        parts in proptest::collection::vec(0_usize..24, 0..60),
        text: String,
    ) {
        let _ = run(&bytes);
        let _ = run(&[b"<metalink>", &bytes[..]].concat());
        let document: String =
            parts.iter().map(|&part| *PARTS.get(part).unwrap_or(&text.as_str())).collect();
        let _ = run(document.as_bytes());
        let _ = run(format!("<metalink>{document}").as_bytes());
    }
}
