//! What haul shows to servers that ask who is there.

use crate::harness::certificates::{Holder, Signer, VERSIONS, says};
use crate::harness::tls_front::TlsFront;
use crate::harness::{Reply, Server, Test, is_missing};

const HOST: &str = "127.0.0.1";

/// A server that wants a certificate of `members`, for each version of TLS.
#[track_caller]
fn for_each_version(run: impl Fn(&TlsFront, &Signer, &dyn Fn() -> Test)) {
    for version in VERSIONS {
        let (signer, members) = (Signer::new("authority"), Signer::new("members"));
        let config = signer.sign(&says("leaf", &[HOST])).server_of(&[version], Some(&members));
        let server = Server::start();
        server.maybe("/a", Reply::ok("hello"));
        let front = TlsFront::with(&server, config);
        let file = signer.write(front.folder(), "authority.pem");
        let test = || front.test().retries(3).arg("--ca-cert").arg(&file).arg(front.url("/a"));
        run(&front, &members, &test);
    }
}

#[test]
fn a_certificate_is_shown_to_a_server_that_asks() {
    for_each_version(|front, members, test| {
        let member = members.sign(&says("me", &[]));
        let certificate = member.write(front.folder(), "me.pem");
        let key = member.write_key(front.folder(), "me.key");
        let apart = test().arg("--cert").arg(&certificate).arg("--key").arg(&key);
        apart.expect_file("a", "hello").run();
        let both = front.folder().join("both.pem");
        // In any order.
        std::fs::write(&both, member.key_pem() + &member.pem()).unwrap();
        test().arg("--cert").arg(&both).expect_file("a", "hello").run();
    });
}

#[test]
fn a_chain_is_shown_whole() {
    for_each_version(|front, members, test| {
        let member = members.sign_twice(says("between", &[]), &says("me", &[]));
        let certificate = member.write(front.folder(), "me.pem");
        let key = member.write_key(front.folder(), "me.key");
        let test = test().arg("--cert").arg(&certificate).arg("--key").arg(&key);
        test.expect_file("a", "hello").run();
    });
}

#[test]
fn a_server_that_wants_a_certificate_and_gets_none_is_told_and_left_alone() {
    for_each_version(|front, _, test| {
        let url = front.url("/a");
        test()
            .fails(&url, "127.0.0.1 wants a client certificate (certificate_required)")
            .hint("name one with `--cert` and `--key`")
            .run();
    });
}

#[test]
fn a_certificate_that_the_server_does_not_take_is_told_as_such() {
    for_each_version(|front, _, test| {
        let stranger = Signer::new("strangers").sign(&says("me", &[]));
        let certificate = stranger.write(front.folder(), "me.pem");
        let key = stranger.write_key(front.folder(), "me.key");
        let url = front.url("/a");
        test()
            .arg("--cert")
            .arg(&certificate)
            .arg("--key")
            .arg(&key)
            .fails(&url, "127.0.0.1 refuses the client certificate (unknown_ca)")
            .hint("check that `--cert` is the one for this server")
            .run();
    });
}

/// Runs haul with files that are no pair; it must say so and end.
#[track_caller]
fn misused(test: Test, args: &[&str], named: &str) {
    let test = test.args(args).arg("http://127.0.0.1:1/a");
    let output = test.stdout("").any_stderr().status(2).run();
    assert_eq!(output.stderr, format!("error: `--cert`: {named}\n"));
}

#[test]
fn what_is_no_pair_is_wrong_usage() {
    let (me, you) = (Holder::self_signed(&says("me", &[])), Holder::self_signed(&says("you", &[])));
    let test = || {
        Test::new()
            .existing("me.pem", me.pem())
            .existing("you.key", you.key_pem())
            .existing("both.pem", me.pem() + &you.key_pem())
            .existing("empty", "")
            .existing("odd.key", crate::harness::certificates::pem("PRIVATE KEY", b"hello"))
            .existing("odd.pem", crate::harness::certificates::pem("CERTIFICATE", b"hello"))
    };
    let other = "that of the first certificate in";
    misused(
        test(),
        &["--cert", "me.pem", "--key", "you.key"],
        &format!("the private key in you.key is not {other} me.pem"),
    );
    misused(
        test(),
        &["--cert", "both.pem"],
        &format!("the private key in both.pem is not {other} both.pem"),
    );
    misused(
        test(),
        &["--cert", "me.pem"],
        "me.pem has no private key in PEM (`--key` names a file of its own)",
    );
    misused(test(), &["--cert", "you.key"], "you.key has no certificate in PEM");
    misused(test(), &["--cert", "me.pem", "--key", "empty"], "empty is empty");
    misused(test(), &["--cert", "me.pem", "--key", "me.pem"], "me.pem has no private key in PEM");
    misused(test(), &["--cert", "no"], "cannot read no: no such file or directory");
    misused(
        test(),
        &["--cert", "me.pem", "--key", "no"],
        "cannot read no: no such file or directory",
    );
    misused(
        test(),
        &["--cert", "me.pem", "--key", "odd.key"],
        "the private key in odd.key cannot be used; one for RSA, P-256, P-384 or Ed25519 can",
    );
    misused(
        test(),
        &["--cert", "odd.pem", "--key", "you.key"],
        "the first certificate in odd.pem cannot be read",
    );
}

#[test]
fn an_encrypted_key_is_refused_in_words() {
    if is_missing("openssl") {
        return;
    }
    let me = Holder::self_signed(&says("me", &[]));
    let test = Test::new().existing("me.pem", me.pem()).existing("open.key", me.key_pem());
    for (name, format) in [("new.key", "pkcs8 -topk8"), ("old.key", "ec -aes128")] {
        let arguments = format!("{format} -passout pass:secret -in open.key -out {name}");
        let status = std::process::Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(test.path())
            .stderr(std::process::Stdio::null())
            .status();
        assert!(status.unwrap().success(), "{arguments}");
        let key = std::fs::read(test.path().join(name)).unwrap();
        misused(
            Test::new().existing("me.pem", me.pem()).existing(name, key),
            &["--cert", "me.pem", "--key", name],
            &format!(
                "the private key in {name} is encrypted; `openssl pkey -in {name}` writes it without"
            ),
        );
    }
}
