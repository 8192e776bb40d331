//! Whom haul trusts over https: the system, files that the user names, keys that he knows.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustls::ServerConfig;

use crate::harness::certificates::{Holder, Signer, VERSIONS, authority, expired, pem, says};
use crate::harness::tls_front::TlsFront;
use crate::harness::{Reply, Server, Test, is_missing};

pub(crate) const HOST: &str = "127.0.0.1";

/// The warning that `--insecure` gives.
pub(crate) const INSECURE: &str = "warning: `--insecure`: certificates are not checked; \
                                   anybody on the way can read and change what comes";

/// The same when there are pins.
pub(crate) const PINNED: &str =
    "warning: `--insecure`: of certificates only the public key is checked";

/// Starts a server with one file and this configuration.
pub(crate) fn serving(config: ServerConfig) -> (Server, TlsFront) {
    let server = Server::start();
    server.maybe("/a", Reply::ok("hello"));
    let front = TlsFront::with(&server, config);
    (server, front)
}

/// Asks for the file with these arguments, and gets it.
#[track_caller]
pub(crate) fn trusted(front: &TlsFront, args: &[&str], lines: &[&str]) {
    let mut test = front.test().args(args).arg(front.url("/a")).expect_file("a", "hello");
    for &line in lines {
        test = test.line(line);
    }
    test.run();
}

/// Asks for the file with these arguments, and fails.
#[track_caller]
pub(crate) fn distrusted(front: &TlsFront, args: &[&str], cause: &str) {
    let url = front.url("/a");
    let output = front.test().args(args).arg(&url).any_stderr().status(1).run();
    let expected = format!("error: {url}: {cause}");
    assert!(output.stderr.contains(&expected), "{}", output.stderr);
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn authorities_are_added_by_files_of_one_or_many() {
    let (first, second) = (Signer::new("first"), Signer::new("second"));
    for signer in [&first, &second] {
        let (_server, front) = serving(signer.sign(&says("leaf", &[HOST])).server());
        let one = first.write(front.folder(), "one.pem");
        let two = second.write(front.folder(), "two.pem");
        trusted(&front, &["--ca-cert", text(&one), "--ca-cert", text(&two)], &[]);
        let both = front.folder().join("both.pem");
        let bundle = [one, two].map(|path| std::fs::read_to_string(path).unwrap());
        // As bundles are written by hand.
        std::fs::write(&both, bundle.join("\n# The second one:\n").replace('\n', "\r\n")).unwrap();
        trusted(&front, &["--ca-cert", text(&both)], &[]);
    }
}

#[test]
fn what_is_added_does_not_replace_what_was_trusted() {
    let (system, added) = (Signer::new("system"), Signer::new("added"));
    let (_server, front) = serving(system.sign(&says("leaf", &[HOST])).server());
    let system = system.write(front.folder(), "system.pem");
    let added = added.write(front.folder(), "added.pem");
    front
        .test()
        .env("SSL_CERT_FILE", system)
        .arg("--ca-cert")
        .arg(added)
        .arg(front.url("/a"))
        .expect_file("a", "hello")
        .run();
}

#[test]
fn a_folder_of_certificates_is_trusted() {
    let signer = Signer::new("authority");
    let (_server, front) = serving(signer.sign(&says("leaf", &[HOST])).server());
    signer.write(front.folder(), "any-name");
    front
        .test()
        .env("SSL_CERT_DIR", front.folder())
        .arg(front.url("/a"))
        .expect_file("a", "hello")
        .run();
}

#[test]
fn a_chain_is_followed_to_its_root() {
    let signer = Signer::new("authority");
    let holder = signer.sign_twice(says("between", &[]), &says("leaf", &[HOST]));
    let (_server, front) = serving(holder.server());
    trusted(&front, &["--ca-cert", text(&signer.write(front.folder(), "ca.pem"))], &[]);
}

#[test]
fn a_certificate_that_is_trusted_itself_needs_nobody_to_vouch_for_it() {
    let leaf = says("alone", &[HOST]);
    for holder in [
        Holder::self_signed(&leaf),
        // What `openssl req -x509` makes.
        Holder::self_signed(&authority(leaf.clone())),
        Signer::new("stranger").sign(&leaf),
    ] {
        let (_server, front) = serving(holder.server());
        let file = holder.write(front.folder(), "leaf.pem");
        trusted(&front, &["--ca-cert", text(&file)], &[]);
        front
            .test()
            .env("SSL_CERT_FILE", &file)
            .arg(front.url("/a"))
            .expect_file("a", "hello")
            .run();
    }
}

#[test]
fn a_certificate_that_is_trusted_itself_has_a_name_and_a_time_all_the_same() {
    #[track_caller]
    fn case(holder: &Holder, cause: &str) {
        let (_server, front) = serving(holder.server());
        let file = holder.write(front.folder(), "leaf.pem");
        distrusted(&front, &["--ca-cert", text(&file)], cause);
    }
    let other = authority(says("other", &["other.example"]));
    case(
        &Holder::self_signed(&other),
        "the certificate is not for 127.0.0.1 but for other.example",
    );
    let old = expired(authority(says("old", &[HOST])));
    case(
        &Holder::self_signed(&old),
        "the certificate of 127.0.0.1 expired on 2020-01-31 00:00 UTC",
    );
}

#[test]
fn another_certificate_under_the_same_name_is_not_the_trusted_one() {
    let params = authority(says("same", &[HOST]));
    let (known, imposter) = (Holder::self_signed(&params), Holder::self_signed(&params));
    let (_server, front) = serving(imposter.server());
    let file = known.write(front.folder(), "leaf.pem");
    distrusted(
        &front,
        &["--ca-cert", text(&file)],
        "the certificate of 127.0.0.1 is self-signed, and not trusted here",
    );
}

#[test]
fn a_server_that_is_trusted_itself_cannot_vouch_for_others() {
    let server = Signer::unentitled(says("server", &["server.example"]));
    let (_server, front) = serving(server.sign(&says("leaf", &[HOST])).server());
    let file = server.write(front.folder(), "server.pem");
    let cause = "the certificate of 127.0.0.1 comes from an issuer that is not trusted here";
    distrusted(&front, &["--ca-cert", text(&file)], cause);
    let url = front.url("/a");
    let test = front.test().env("SSL_CERT_FILE", &file).arg(&url).any_stderr().status(1);
    assert!(test.run().stderr.contains(cause));
}

#[test]
fn files_that_are_no_certificates_are_wrong_usage() {
    #[track_caller]
    fn case(test: Test, named: &str) {
        let url = "http://127.0.0.1:1/a";
        let output = test.args(["--ca-cert", "x.pem", url]).stdout("").any_stderr().status(2).run();
        assert_eq!(output.stderr, format!("error: `--ca-cert`: {named}\n"));
    }
    let with = |bytes: &[u8]| Test::new().existing("x.pem", bytes);
    case(Test::new(), "cannot read x.pem: no such file or directory");
    case(with(b""), "x.pem is empty");
    case(with(b"hello\n"), "x.pem has no certificate in PEM");
    let holder = Holder::self_signed(&says("x", &[HOST]));
    case(with(holder.key_pem().as_bytes()), "x.pem has no certificate in PEM");
    let good = holder.pem();
    let told = "x.pem is of OpenSSL's own format; `openssl x509 -in x.pem` writes the certificate \
                as others read it";
    case(with(good.replace(" CERT", " TRUSTED CERT").as_bytes()), told);
    case(with(&[0x30, 0x82, 1]), "x.pem is in DER; `openssl` turns that into PEM");
    let cut = &good.as_bytes()[..good.len() / 2];
    case(with(cut), "x.pem ends in the middle of a section");
    let odd = good.replace("\nMII", "\n!!!");
    case(with(odd.as_bytes()), "x.pem is broken: a section is not base64");
    let wrong = format!("{good}{}", pem("CERTIFICATE", b"hello"));
    case(with(wrong.as_bytes()), "certificate 2 in x.pem cannot be read");
}

#[test]
fn variables_that_name_no_certificates_are_told_with_their_file() {
    #[track_caller]
    fn case(variable: &str, value: &str, cause: &str) {
        let (_server, front) = serving(Holder::self_signed(&says("x", &[HOST])).server());
        let test = front.test().existing("empty.pem", "").existing("odd.pem", "hello");
        let url = front.url("/a");
        test.env(variable, value)
            .arg(&url)
            .fails(&url, &format!("no trusted certificates: {variable}={value}{cause}"))
            .hint("install the system's CA certificates, or name others with `--ca-cert`")
            .run();
    }
    case("SSL_CERT_FILE", "no", ": cannot read no: no such file or directory");
    case("SSL_CERT_FILE", "empty.pem", " has no certificate in PEM");
    case("SSL_CERT_FILE", "odd.pem", " has no certificate in PEM");
    case("SSL_CERT_DIR", "no", ": cannot read no: no such file or directory");
}

#[test]
fn variables_that_are_empty_are_none() {
    let signer = Signer::new("authority");
    let (_server, front) = serving(signer.sign(&says("leaf", &[HOST])).server());
    let file = signer.write(front.folder(), "authority.pem");
    let url = front.url("/a");
    let test = || Test::new().env("SSL_CERT_FILE", "").arg(&url).expect_file("a", "hello");
    test().env("SSL_CERT_DIR", "").arg("--ca-cert").arg(&file).run();
    test().env("SSL_CERT_DIR", front.folder()).run();
    Test::new()
        .env("SSL_CERT_FILE", &file)
        .env("SSL_CERT_DIR", "")
        .arg(&url)
        .expect_file("a", "hello")
        .run();
}

#[test]
fn roots_are_loaded_when_the_first_https_url_comes() {
    let signer = Signer::new("authority");
    let (server, front) = serving(signer.sign(&says("leaf", &[HOST])).server());
    // Whoever reads a pipe that nobody writes to waits.
    let pipe = front.folder().join("roots.pem");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from(0o600),
        0,
    )
    .unwrap();
    let test = || Test::new().env("SSL_CERT_FILE", &pipe);
    server.serve("/plain", Reply::ok("plain"));
    test().arg(server.url("/plain")).expect_file("plain", "plain").run();
    let running = test().arg(front.url("/a")).expect_file("a", "hello").start();
    let roots = std::fs::read(signer.write(front.folder(), "authority.pem")).unwrap();
    std::fs::OpenOptions::new().write(true).open(&pipe).unwrap().write_all(&roots).unwrap();
    running.finish();
}

#[test]
fn a_pin_takes_one_key_and_no_other() {
    let signer = Signer::new("authority");
    let holder = signer.sign(&says("leaf", &[HOST]));
    let other = signer.sign(&says("other", &[HOST])).pin();
    let mine = holder.pin();
    for versions in [&VERSIONS[..1], &VERSIONS[1..]] {
        let (_server, front) = serving(holder.server_of(versions, None));
        let file = signer.write(front.folder(), "authority.pem");
        let known = ["--ca-cert", text(&file), "--pin"];
        let with = |pins: &str| [&known[..], &[pins]].concat().join(" ");
        let args = |pins: &str| with(pins).split(' ').map(str::to_owned).collect::<Vec<_>>();
        let both = format!("{other};{mine}");
        for pins in [&mine, &both] {
            let args = args(pins);
            trusted(&front, &args.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        }
        let args = args(&other);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let cause = format!("the public key of 127.0.0.1 is not the one of `--pin` but {mine}");
        distrusted(&front, &args, &cause);
        trusted(&front, &[&args[..], &["--pin", &mine]].concat(), &[]);
        // A right key does not make up for what is wrong otherwise.
        distrusted(&front, &["--pin", &mine], "the certificate of 127.0.0.1 comes from an issuer");
    }
}

#[test]
fn a_pin_holds_without_any_other_check() {
    let params = expired(authority(says("x", &["other.example"])));
    let (holder, other) = (Holder::self_signed(&params), Holder::self_signed(&params));
    for versions in [&VERSIONS[..1], &VERSIONS[1..]] {
        let (_server, front) = serving(holder.server_of(versions, None));
        trusted(&front, &["-k", "--pin", &holder.pin()], &[PINNED]);
        let cause =
            format!("the public key of 127.0.0.1 is not the one of `--pin` but {}", holder.pin());
        distrusted(&front, &["-k", "--pin", &other.pin()], &cause);
    }
}

#[test]
fn a_pin_is_what_openssl_prints() {
    if is_missing("openssl") {
        return;
    }
    let holder = Holder::self_signed(&says("x", &[HOST]));
    // As the README has it.
    let command = "openssl x509 -pubkey -noout | openssl pkey -pubin -outform der \
                   | openssl dgst -sha256 -binary | openssl base64";
    let mut shell = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    shell.stdin.take().unwrap().write_all(holder.pem().as_bytes()).unwrap();
    let output = shell.wait_with_output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(holder.pin(), format!("sha256//{}", printed.trim()));
}

#[test]
fn options_that_mean_nothing_are_wrong_usage() {
    #[track_caller]
    fn case(args: &[&str], named: &str) {
        let test = Test::new().args(args).arg("http://127.0.0.1:1/a");
        let output = test.stdout("").any_stderr().status(2).run();
        assert!(output.stderr.contains(named), "{}", output.stderr);
    }
    case(&["--pin", "sha256//short"], "--pin");
    case(&["--pin", "key.pem"], "--pin");
    case(&["--tls-min", "1.1"], "--tls-min");
    case(&["--key", "x"], "--cert");
    case(&["--insecure", "--ca-cert", "x"], "--insecure");
}

#[test]
fn the_least_version_is_spoken_when_it_is_the_only_one() {
    let signer = Signer::new("authority");
    for (versions, least) in [(&VERSIONS[1..], "1.2"), (&VERSIONS[..1], "1.3")] {
        let holder = signer.sign(&says("leaf", &[HOST]));
        let (_server, front) = serving(holder.server_of(versions, None));
        let file = signer.write(front.folder(), "authority.pem");
        trusted(&front, &["--ca-cert", text(&file), "--tls-min", least], &[]);
    }
}
