//! Against a real nginx, over http and https: what it sends is what is saved, byte for byte.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::harness::folder::Entry;
use crate::harness::nginx::Nginx;
use crate::harness::{Reply, Server, Test, content};

/// Moving this many bytes with an unoptimized build takes a while when other tests run beside it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the same test over http and over https.
#[track_caller]
fn over_both(nginx: &Nginx, run: impl Fn(&dyn Fn(&str) -> String, Test)) {
    run(&|target| nginx.http(target), nginx.test().within(PATIENCE));
    run(&|target| nginx.https(target), nginx.test().within(PATIENCE));
}

#[test]
fn a_thousand_small_files_of_a_list_are_right() {
    let small = |number: u32| content(number, (number as usize * 37) % 20_000);
    let Some(nginx) = Nginx::start("", |root| {
        for number in 0..1000 {
            std::fs::write(root.join(format!("{number}.bin")), small(number)).unwrap();
        }
    }) else {
        return;
    };
    over_both(&nginx, |url, mut test| {
        let mut list = String::new();
        for number in 0..1000 {
            let name = format!("{number}.bin");
            let _ = writeln!(list, "{}", url(&format!("/{name}")));
            test = test.expect_copy(&format!("out/{name}"), &nginx.root().join(name));
        }
        test.args(["-d", "out", "-i", "-"]).stdin(list).run();
    });
}

#[test]
fn large_files_are_right() {
    const NAMES: [&str; 4] = ["a.iso", "b.iso", "c.iso", "d.iso"];
    let Some(nginx) = Nginx::start("", |root| {
        for (seed, name) in (1..).zip(NAMES) {
            // Sizes that are no multiple of anything.
            let size = (64 << 20) + seed as usize * 1013;
            std::fs::write(root.join(name), content(seed, size)).unwrap();
        }
    }) else {
        return;
    };
    over_both(&nginx, |url, mut test| {
        for name in NAMES {
            let source = nginx.root().join(name);
            test = test.arg(url(&format!("/{name}"))).expect_copy(name, &source);
        }
        test.run();
    });
}

fn one_file(root: &Path) {
    std::fs::write(root.join("file"), content(9, 3_000_001)).unwrap();
}

#[test]
fn a_chain_of_redirects_is_followed() {
    let locations = "
        absolute_redirect off;
        location = /hop/0 { return 301 1; }
        location = /hop/1 { return 302 $scheme://$http_host/hop/2; }
        location = /hop/2 { return 307 //$http_host/hop/3?x; }
        location = /hop/3 { return 308 /file; }";
    let Some(nginx) = Nginx::start(locations, one_file) else {
        return;
    };
    over_both(&nginx, |url, test| {
        let source = nginx.root().join("file");
        test.arg(url("/hop/0")).expect_copy("0", &source).run();
    });
}

#[test]
fn chunked_and_unsized_bodies_are_right() {
    // Server-side includes take the length away; without chunks the body ends with the connection,
    // over TLS with close_notify.
    let locations = "
        ssi_types *;
        location /chunked/ { alias root/; ssi on; }
        location /unsized/ { alias root/; ssi on; chunked_transfer_encoding off; }";
    let Some(nginx) = Nginx::start(locations, one_file) else {
        return;
    };
    over_both(&nginx, |url, test| {
        let source = nginx.root().join("file");
        test.args([url("/chunked/file"), url("/unsized/file")])
            .expect_copy("file", &source)
            .expect_copy("file.1", &source)
            .run();
    });
}

#[test]
fn a_body_that_a_proxy_passes_on_is_right_and_one_that_breaks_off_behind_it_fails() {
    let behind = Server::start();
    let body = content(10, 500_000);
    behind.always("/whole", Reply::ok(&body).until_close());
    behind.always("/cut", Reply::ok(&body).chunked(10_000).cut_after(100_000));
    let locations = format!(
        "location /proxy/ {{ proxy_pass http://{}/; proxy_http_version 1.1; }}",
        behind.authority()
    );
    let Some(nginx) = Nginx::start(&locations, |_| {}) else {
        behind.forget();
        return;
    };
    over_both(&nginx, |url, test| {
        let cut = url("/proxy/cut");
        test.args([&url("/proxy/whole"), &cut]).expect_file("whole", &body).fails(cut, "…").run();
    });
}

#[test]
fn a_login_is_given_where_it_is_asked_for() {
    let locations = "
        location = /file { auth_basic x; auth_basic_user_file users; }";
    let Some(nginx) = Nginx::start(locations, |root| {
        one_file(root);
        std::fs::write(root.with_file_name("users"), "me:{PLAIN}s3cret\n").unwrap();
    }) else {
        return;
    };
    over_both(&nginx, |url, test| {
        let source = nginx.root().join("file");
        let with_login = url("/file").replace("://", "://me:s3cret@");
        test.arg(with_login).expect_copy("file", &source).run();
        let without = url("/file");
        nginx
            .test()
            .arg(&without)
            .fails(&without, "401 Unauthorized")
            .hint("the server wants a login; …")
            .run();
    });
}

#[test]
fn the_time_that_nginx_tells_is_the_time_of_the_file() {
    let Some(nginx) = Nginx::start("", one_file) else {
        return;
    };
    let source = nginx.root().join("file");
    let output = nginx.test().arg(nginx.https("/file")).expect_copy("file", &source).run();
    let seconds = |path: &Path| {
        let modified = path.metadata().unwrap().modified().unwrap();
        modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
    };
    assert_eq!(seconds(&output.folder.path().join("file")), seconds(&source));
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused() {
    let Some(nginx) = Nginx::start("", one_file) else {
        return;
    };
    let url = nginx.https("/file");
    nginx
        .distrusting_test()
        .arg(&url)
        .fails(
            &url,
            "the certificate of localhost comes from an issuer that is not trusted here \
             (CN=authority)",
        )
        .hint("to trust the issuer, name its certificate with `--ca-cert FILE`; …")
        .run();
}

#[test]
fn a_certificate_for_another_host_is_refused() {
    let Some(nginx) = Nginx::start("", one_file) else {
        return;
    };
    let url = nginx.wrong_host("/file");
    nginx
        .test()
        .arg(&url)
        .fails(&url, "the certificate is not for 127.0.0.1 but for other.example")
        .hint("check the spelling of the host")
        .run();
}

#[test]
fn an_address_in_the_certificate_counts_as_its_host() {
    let Some(nginx) = Nginx::start("", one_file) else {
        return;
    };
    let source = nginx.root().join("file");
    let url = nginx.https("/file").replace("localhost", "127.0.0.1");
    nginx.test().arg(url).expect_copy("file", &source).run();
}

#[test]
fn a_redirect_from_https_to_http_is_refused() {
    let locations = "location = /down { return 302 http://{http}/file; }";
    let Some(nginx) = Nginx::start(locations, one_file) else {
        return;
    };
    let url = nginx.https("/down");
    let cause = format!("redirect from https to {} refused", nginx.http("/file"));
    let hint = "`--allow-downgrade` follows it, in the clear";
    nginx.test().arg(&url).fails(&url, &cause).hint(hint).run();
}

#[test]
fn a_redirect_from_http_to_https_is_followed() {
    let locations = "location = /up { return 302 https://{https}/file; }";
    let Some(nginx) = Nginx::start(locations, one_file) else {
        return;
    };
    let source = nginx.root().join("file");
    nginx.test().arg(nginx.http("/up")).expect_copy("up", &source).run();
}

#[test]
fn an_https_url_of_a_plain_port_is_told_as_such() {
    let Some(nginx) = Nginx::start("", one_file) else {
        return;
    };
    let url = nginx.http("/file").replace("http://", "https://");
    nginx
        .test()
        .arg(&url)
        .fails(&url, "127.0.0.1 speaks plain HTTP on this port, not TLS")
        .hint("is it an http:// URL? Without a scheme `https://` is meant")
        .run();
}

#[test]
fn trusted_certificates_that_cannot_be_read_are_told() {
    let Some(nginx) = Nginx::start("", one_file) else {
        return;
    };
    let url = nginx.https("/file");
    Test::new()
        .env("SSL_CERT_FILE", "/nonexistent.pem")
        .arg(&url)
        .fails(
            &url,
            "no trusted certificates: SSL_CERT_FILE=/nonexistent.pem: cannot read \
             /nonexistent.pem: no such file or directory",
        )
        .hint("install the system's CA certificates, or name others with `--ca-cert`")
        .run();
}

#[test]
fn a_run_that_was_killed_is_gone_on_with() {
    // So slow that the process is killed long before the end, after at least one record.
    let locations = "location = /a.iso { limit_rate 3m; }";
    let Some(nginx) = Nginx::start(locations, |root| {
        std::fs::write(root.join("a.iso"), content(1, 8 << 20)).unwrap();
    }) else {
        return;
    };
    over_both(&nginx, |url, test| {
        let target = url("/a.iso");
        let first = test.arg(&target).any_result();
        let record = first.path().join("a.iso.part.haul");
        let mut running = first.start();
        crate::harness::wait_until("a record is written", || record.exists());
        running.signal(rustix::process::Signal::KILL);
        let folder = running.finish().folder;
        let again = nginx.test().within(PATIENCE).in_folder(folder).arg("-v").arg(&target);
        let again = again.any_stderr().expect_copy("a.iso", &nginx.root().join("a.iso")).run();
        assert!(again.stderr.contains("206 Partial Content"), "{}", again.stderr);
    });
}

#[test]
fn an_unchanged_file_is_not_sent_again() {
    let Some(nginx) = Nginx::start("", |root| {
        std::fs::write(root.join("a.bin"), content(1, 5000)).unwrap();
    }) else {
        return;
    };
    over_both(&nginx, |url, test| {
        let update = ["--if-exists", "update", "--lock", "lock"];
        let run =
            |test: Test| test.args(update).arg(url("/a.bin")).expect_entry("lock", Entry::AnyFile);
        let output = run(test).expect_copy("a.bin", &nginx.root().join("a.bin")).run();
        let test = nginx.test().within(PATIENCE).in_folder(output.folder);
        let copy = Entry::CopyOf(nginx.root().join("a.bin"));
        let test = run(test).expect_entry("a.bin", copy).arg("-v");
        let output = test.any_stderr().run();
        assert!(output.stderr.contains("304 Not Modified"), "{}", output.stderr);
        assert!(output.stderr.contains("skipped a.bin: unchanged"), "{}", output.stderr);
    });
}
