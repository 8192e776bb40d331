//! Logins of a `.netrc` file, as ftp, curl and Python read it.
//!
//! Words are separated by blanks and line ends; one in double quotes may have blanks in it, and `\"`, `\\`,
//! `\n`, `\r` and `\t`. Where a keyword could stand, `#` begins a comment. What is wrong is told by its
//! line alone: a word that is misunderstood may be a password. The crate `rust-netrc` prints such a word, and
//! keeps one login a host.

use std::fmt;
use std::iter::Peekable;
use std::slice::Iter;

use crate::model::job::Credentials;
use crate::model::text::BYTE_ORDER_MARK;

/// The logins of a file.
#[derive(Clone, Debug, Default)]
pub struct Netrc(Vec<Entry>);

/// The login for one machine, or for all others.
#[derive(Clone, Default)]
struct Entry {
    /// `None` for `default`.
    machine: Option<Vec<u8>>,
    login: Option<Vec<u8>>,
    password: Option<Vec<u8>>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entry(***)")
    }
}

/// Which hosts a login may be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The one that the user asked for, for which `default` is meant too.
    Any,
    /// One that a redirect leads to, which the file has to name.
    Named,
}

impl Netrc {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it is not understood.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let mut words = Words { bytes: text.iter().peekable(), line: 1 };
        let mut entries: Vec<Entry> = Vec::new();
        while let Some(keyword) = words.keyword()? {
            let line = words.line;
            let wrong = |why: &str| format!("line {line}: {why}");
            let no_machine = || wrong("it stands before any `machine`");
            match &*keyword {
                b"machine" => {
                    let name = words.value("machine")?;
                    entries.push(Entry { machine: Some(name), ..Entry::default() });
                }
                b"default" => entries.push(Entry::default()),
                b"login" => {
                    let login = words.value("login")?;
                    entries.last_mut().ok_or_else(no_machine)?.login = Some(login);
                }
                b"password" => {
                    let password = words.value("password")?;
                    entries.last_mut().ok_or_else(no_machine)?.password = Some(password);
                }
                b"account" => drop(words.value("account")?),
                b"macdef" => words.skip_macro(),
                _ => {
                    return Err(wrong(
                        "neither machine, default, login, password, account, macdef",
                    ));
                }
            }
        }
        Ok(Self(entries))
    }

    /// Returns the login for a host: that of `user` if one is given, else the first. A password without a
    /// login is that of any user.
    pub fn find(&self, host: &str, user: Option<&[u8]>, scope: Scope) -> Option<Credentials> {
        let bare = host.trim_start_matches('[').trim_end_matches(']').as_bytes();
        let is_host = |name: &[u8]| {
            name.eq_ignore_ascii_case(host.as_bytes()) || name.eq_ignore_ascii_case(bare)
        };
        let is_named = |entry: &&Entry| entry.machine.as_deref().is_some_and(is_host);
        // A machine that is named has the logins that are said of it, if any, and no others.
        let is_known = scope == Scope::Named || self.0.iter().any(|entry| is_named(&entry));
        let is_its = |entry: &&Entry| {
            if is_known { is_named(entry) } else { entry.machine.is_none() }
        };
        let mut entries = self.0.iter().filter(is_its);
        let Entry { login, password, .. } = match user {
            None => entries.next(),
            Some(user) => entries
                .filter(|entry| entry.login.as_deref().is_none_or(|login| login == user))
                // One of several may say the name alone, and another the password alone.
                .min_by_key(|entry| (entry.password.is_none(), entry.login.is_none())),
        }?;
        if login.is_none() && password.is_none() {
            return None;
        }
        Some(Credentials {
            user: login.as_deref().or(user).unwrap_or_default().to_vec(),
            password: password.clone().unwrap_or_default(),
        })
    }
}

/// The words of a file.
struct Words<'a> {
    bytes: Peekable<Iter<'a, u8>>,
    /// The line of the next byte, from 1.
    line: usize,
}

impl Words<'_> {
    fn next_byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.next()?;
        self.line += usize::from(byte == b'\n');
        Some(byte)
    }

    fn skip_blanks(&mut self) {
        while self.bytes.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.next_byte();
        }
    }

    /// Returns the next keyword, if there is one.
    fn keyword(&mut self) -> Result<Option<Vec<u8>>, String> {
        loop {
            self.skip_blanks();
            match self.bytes.peek() {
                None => return Ok(None),
                Some(b'#') => while self.next_byte().is_some_and(|byte| byte != b'\n') {},
                Some(_) => return self.word().map(Some),
            }
        }
    }

    /// Returns the word that a keyword is followed by.
    fn value(&mut self, keyword: &str) -> Result<Vec<u8>, String> {
        let line = self.line;
        self.skip_blanks();
        if self.bytes.peek().is_none() {
            return Err(format!("line {line}: nothing follows `{keyword}`"));
        }
        self.word()
    }

    fn word(&mut self) -> Result<Vec<u8>, String> {
        let mut word = Vec::new();
        if self.bytes.next_if(|byte| **byte == b'"').is_none() {
            while let Some(&byte) = self.bytes.next_if(|byte| !byte.is_ascii_whitespace()) {
                word.push(byte);
            }
            return Ok(word);
        }
        let line = self.line;
        loop {
            let byte = match self.next_byte() {
                Some(b'"') => return Ok(word),
                Some(b'\\') => match self.next_byte() {
                    Some(b'n') => Some(b'\n'),
                    Some(b'r') => Some(b'\r'),
                    Some(b't') => Some(b'\t'),
                    byte => byte.filter(|&byte| byte != b'\n'),
                },
                byte => byte.filter(|&byte| byte != b'\n'),
            };
            word.push(byte.ok_or_else(|| format!("line {line}: a quote that does not end"))?);
        }
    }

    /// Passes over the lines of a macro, which ends with an empty one.
    fn skip_macro(&mut self) {
        let mut is_at_start = true;
        // Its name ends the first line.
        while self.next_byte().is_some_and(|byte| byte != b'\n') {}
        loop {
            match self.next_byte() {
                None => return,
                Some(b'\n') if is_at_start => return,
                Some(b'\n') => is_at_start = true,
                Some(b'\r') => {}
                Some(_) => is_at_start = false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns a login as `user:password`.
    fn found(text: &str, host: &str, user: Option<&str>, scope: Scope) -> Option<String> {
        let netrc = Netrc::parse(text.as_bytes()).unwrap();
        let Credentials { user, password } = netrc.find(host, user.map(str::as_bytes), scope)?;
        Some(format!("{}:{}", String::from_utf8_lossy(&user), String::from_utf8_lossy(&password)))
    }

    #[test]
    fn the_login_of_a_host_is_found() {
        #[track_caller]
        fn case(text: &str, login: Option<&str>) {
            assert_eq!(found(text, "h.example", None, Scope::Any).as_deref(), login, "{text}");
        }
        case("", None);
        case("machine h.example login me password s", Some("me:s"));
        case("machine\nh.example\n\tlogin me\r\n password s\r\n", Some("me:s"));
        case("\u{feff}machine h.example login me password s", Some("me:s"));
        case("machine H.Example login me password s", Some("me:s"));
        case("machine example login me password s", None);
        case("machine sub.h.example login me password s", None);
        case("machine h.example password s login me account a", Some("me:s"));
        case("machine h.example login me", Some("me:"));
        case("machine h.example password s", Some(":s"));
        case("machine h.example", None);
        case("machine h.example login \"a b\" password \"\\\"\\\\\\t\\x\"", Some("a b:\"\\\tx"));
        case("machine h.example login me password s\"x", Some("me:s\"x"));
        case("machine h.example login \"\" password \"\"", Some(":"));
        case(
            "# machine h.example login no\nmachine h.example login me # x\npassword s",
            Some("me:s"),
        );
        case("machine h.example login me password #s", Some("me:#s"));
        case("machine h.example login a password b machine h.example login c", Some("a:b"));
        case("default login d password s", Some("d:s"));
        case("default login d password s machine h.example login me", Some("me:"));
        // What is said of a machine is all that is.
        case("machine h.example default login d password s", None);
        let macros = "macdef init\nmachine h.example login no\n\nmachine h.example login me";
        case(macros, Some("me:"));
        case("machine h.example macdef x\r\ny\r\n\r\nlogin me", Some("me:"));
        case("machine h.example login me macdef x\ny", Some("me:"));
        case("machine h.example login me macdef x\n\npassword s", Some("me:s"));
        case("machine h.example login me macdef x\n \n\npassword s", Some("me:s"));
    }

    #[test]
    fn a_user_and_a_redirect_narrow_it() {
        let two = "machine h login a password 1\nmachine h login b password 2\ndefault login b password 3";
        let find = |host, user, scope| found(two, host, user, scope);
        assert_eq!(find("h", Some("b"), Scope::Any).unwrap(), "b:2");
        assert_eq!(find("h", Some("c"), Scope::Any), None);
        assert_eq!(find("other", Some("b"), Scope::Any).unwrap(), "b:3");
        assert_eq!(find("other", None, Scope::Named), None);
        assert_eq!(find("h", None, Scope::Named).unwrap(), "a:1");
        let parts = "machine h login a machine h login a password 1 machine h password 2";
        let of = |user| found(parts, "h", Some(user), Scope::Any).unwrap();
        assert_eq!((of("a"), of("b")), ("a:1".to_owned(), "b:2".to_owned()));
        let six = "machine ::1 login me password s";
        assert_eq!(found(six, "[::1]", None, Scope::Any).unwrap(), "me:s");
    }

    #[test]
    fn what_is_not_understood_is_told_by_its_line() {
        #[track_caller]
        fn case(text: &str, told: &str) {
            let error = Netrc::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(told) && !error.contains("s3cret"), "{error}");
        }
        case("machine h\n\ns3cret x", "line 3: neither machine");
        case("machine h\nlogin", "line 2: nothing follows `login`");
        case("machine", "line 1: nothing follows `machine`");
        case("\nlogin s3cret", "line 2: it stands before any `machine`");
        case("password s3cret machine h", "line 1: it stands");
        case("machine h\nlogin \"s3cret\npassword x", "line 2: a quote that does not end");
        case("machine h login \"s3cret\\", "line 1: a quote");
        case("machine h login me password a s3cret", "line 1: neither");
    }

    proptest! {
        #[test]
        fn any_file_is_read_or_refused(text: Vec<u8>, words in "[a\"\\\\ #\nmachinedefaultlogin]*") {
            let _ = Netrc::parse(&text);
            let _ = Netrc::parse(words.as_bytes());
        }

        #[test]
        fn any_login_that_is_quoted_comes_back(login: Vec<u8>, password: Vec<u8>) {
            let quote = |text: &[u8]| {
                let mut quoted = vec![b'"'];
                for &byte in text {
                    match byte {
                        b'\n' => quoted.extend(b"\\n"),
                        b'"' | b'\\' => quoted.extend([b'\\', byte]),
                        _ => quoted.push(byte),
                    }
                }
                quoted.push(b'"');
                quoted
            };
            let text = [&b"machine h login "[..], &quote(&login), b" password ", &quote(&password)];
            let netrc = Netrc::parse(&text.concat()).unwrap();
            let found = netrc.find("h", None, Scope::Named);
            prop_assert_eq!(found, Some(Credentials { user: login, password }));
        }
    }
}
