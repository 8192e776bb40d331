//! Against a real apache: what it does in other ways than nginx.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::harness::apache::Apache;
use crate::harness::content;
use crate::harness::folder::Entry;
use crate::logins::basic;

/// The password `s3cret` of `me`, in SHA-1 and in base64.
const PASSWORDS: &str = "me:{SHA}/vNB+F2HQ559kaLUZbmHHvZrXpg=\n";

const LOGINS: &str = "
<Location /basic>
    AuthType Basic
    AuthName \"a, Digest b\"
    AuthUserFile {folder}/site/passwords
    Require valid-user
</Location>
<Location /digest>
    AuthType Digest
    AuthName x
    AuthUserFile {folder}/site/passwords
    Require valid-user
</Location>
";

fn fill_for_logins(root: &Path) {
    fs::write(root.join("passwords"), PASSWORDS).unwrap();
    for name in ["basic", "digest"] {
        fs::create_dir(root.join(name)).unwrap();
        fs::write(root.join(name).join("a"), name).unwrap();
    }
}

#[test]
fn a_login_is_taken_and_what_is_wrong_with_it_is_told() {
    let Some(apache) = Apache::start(LOGINS, fill_for_logins) else { return };
    let url = apache.http("/basic/a");
    apache.test().args(["--user", "me:s3cret", &url]).expect_file("a", "basic").run();
    let wanted = "the server wants a login; …";
    apache.test().arg(&url).fails(&url, "401 Unauthorized").hint(wanted).run();
    let refused = "the server refuses the login that it got; check it";
    let test = apache.test().args(["--user", "me:wrong", &url]);
    test.fails(&url, "401 Unauthorized").hint(refused).run();
    let url = apache.http("/digest/a");
    let unknown = "401 Unauthorized: the server takes Digest, which haul does not know";
    let test = apache.test().args(["--user", "me:s3cret", &url]);
    test.fails(&url, unknown).hint("curl has `--digest`, …").run();
}

#[test]
fn a_login_follows_redirects_within_its_origin_only() {
    let rules = "
Redirect /same http://{http}/a
Redirect /port http://{other}/b
Redirect /tls https://{https}/c
";
    let fill = |root: &Path| {
        for name in ["a", "b", "c"] {
            fs::write(root.join(name), name).unwrap();
        }
    };
    let Some(apache) = Apache::start(rules, fill) else { return };
    let login = basic("me:s3cret");
    for (target, end) in [("/same", "a"), ("/port", "b"), ("/tls", "c")] {
        let url = apache.http(target);
        apache.test().args(["--user", "me:s3cret", &url]).expect_file(&target[1..], end).run();
    }
    apache.test().args(["--user", "me:s3cret", &apache.other("/b")]).expect_file("b", "b").run();
    for line in [&format!("/a 200 {login}"), "/b 200 -", "/c 200 -", &format!("/b 200 {login}")] {
        apache.wait_for_log(line);
    }
    assert!(!apache.log().contains(&format!("/c 200 {login}")), "{}", apache.log());
}

#[test]
fn what_a_script_sends_in_chunks_is_whole() {
    let rules = "ScriptAlias /cgi/ {folder}/site/";
    let fill = |root: &Path| {
        let head = "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\n";
        let body = "i=0; while [ $i -lt 2000 ]; do echo 'a line of a text'; i=$((i+1)); done\n";
        fs::write(root.join("script"), [head, body].concat()).unwrap();
        fs::set_permissions(root.join("script"), Permissions::from_mode(0o755)).unwrap();
    };
    let Some(apache) = Apache::start(rules, fill) else { return };
    let lines = "a line of a text\n".repeat(2000);
    apache.test().arg(apache.http("/cgi/script")).expect_file("script", &lines).run();
    // One after the other over one connection.
    let urls = [apache.http("/cgi/script"), apache.http("/cgi/script?again")];
    let test = apache.test().args(["-o", "-", "-j1"]).args(urls).any_stderr();
    test.stdout(lines.repeat(2)).run();
}

#[test]
fn parts_of_a_file_come_under_its_strong_etag() {
    let body = content(1, 2 << 20);
    let fill = |root: &Path| {
        fs::write(root.join("a"), &body).unwrap();
        // Within its first second apache gives a file a weak ETag, under which nothing is split.
        let file = fs::File::options().write(true).open(root.join("a")).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
    };
    let rules = "SetOutputFilter RATE_LIMIT\nSetEnvIf Request_URI . rate-limit=2048";
    let Some(apache) = Apache::start(rules, fill) else { return };
    let url = apache.http("/a");
    let test = apache.test().args(["-j4", "--min-split", "256K", &url]);
    test.expect_copy("a", &apache.root().join("a")).run();
    apache.wait_for_log("/a 206 -");
}

#[test]
fn what_apache_packs_is_unpacked_and_what_it_packs_unasked_is_told() {
    let rules = "
SetOutputFilter DEFLATE
SetEnvIf Request_URI ^/forced force-gzip
";
    let lines = "a line of a text\n".repeat(500);
    let fill = |root: &Path| {
        for name in ["a", "forced", "empty"] {
            fs::write(root.join(name), if name == "empty" { "" } else { &lines }).unwrap();
        }
    };
    let Some(apache) = Apache::start(rules, fill) else { return };
    apache.test().arg(apache.http("/a")).expect_file("a", &lines).run();
    for name in ["a", "forced", "empty"] {
        let test = apache.test().args(["--compressed", &apache.http(&format!("/{name}"))]);
        test.expect_copy(name, &apache.root().join(name)).run();
    }
    let url = apache.http("/forced");
    let test = apache.test().arg(&url).expect_entry("forced", Entry::AnyFile);
    let output = test.any_stdout().any_stderr().run();
    let packed = format!("warning: {url}: saved as the server packed it (gzip); ");
    assert!(output.stderr.contains(&packed), "{}", output.stderr);
    let saved = fs::read(output.folder.path().join("forced")).unwrap();
    assert!(saved.starts_with(b"\x1f\x8b"));
}

#[test]
fn one_of_several_variants_comes_under_the_name_that_was_asked_for() {
    let rules = "
<Directory {folder}/site>
    Options MultiViews
    AddLanguage en .en
    AddLanguage de .de
    AddType text/plain .txt
    AddEncoding x-gzip .gz
</Directory>
";
    let fill = |root: &Path| {
        fs::write(root.join("one.txt"), "one").unwrap();
        fs::write(root.join("archive.tar.gz"), "packed").unwrap();
        fs::write(root.join("two.txt.en"), "two").unwrap();
        fs::write(root.join("two.txt.de"), "zwei").unwrap();
    };
    let Some(apache) = Apache::start(rules, fill) else { return };
    apache.test().arg(apache.http("/one")).expect_file("one", "one").run();
    // Its coding is what its name says.
    let urls = [apache.http("/archive.tar.gz")];
    apache.test().arg("--compressed").args(urls).expect_file("archive.tar.gz", "packed").run();
    let url = apache.http("/two");
    let german = apache.test().args(["-H", "Accept-Language: de", &url]);
    german.expect_file("two", "zwei").run();
}
