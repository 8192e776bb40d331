//! What the user gave for requests, and which of it goes along with one.
//!
//! Header fields and credentials belong to the origin (scheme, host, port) of the URL that they were given
//! for. When a redirect leaves it all of them are dropped, whatever their names, and they are not picked up
//! again behind it: whoever was in between chose that URL. Nor is what was given for all URLs for those that
//! a document names. Only the name of the program goes everywhere.
//!
//! A login that a redirect names is for the origin of its URL too, and comes after all that the user gave.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use url::Url;

use crate::model::field::{Field, Fields};
use crate::model::job::Credentials;
use crate::policy::netrc::{Netrc, Scope};

const AUTHORIZATION: &str = "Authorization";

/// What the user gave for the requests of a run.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// Fields for the origins of all URLs that the user gave, credentials among them.
    pub fields: Fields,
    /// Fields for every server.
    pub everywhere: Fields,
    /// Logins by hosts, each for its host only.
    pub netrc: Option<Netrc>,
    /// Whether redirects to other origins take along what was given.
    pub is_location_trusted: bool,
}

/// A URL of the user's, and what was given for it alone.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The URL.
    pub url: &'a Url,
    /// The credentials of its userinfo.
    pub credentials: Option<&'a Credentials>,
    /// The fields of its entry in a list.
    pub fields: &'a [Field],
    /// Whether a document names it, which anybody may have written.
    pub is_foreign: bool,
}

impl Secrets {
    /// Returns whether anything is bound to the origin of such a URL.
    pub fn has_any(&self, given: &Given<'_>) -> bool {
        given.credentials.is_some()
            || !given.fields.is_empty()
            || !(given.is_foreign || self.fields.is_empty())
    }

    /// Returns the fields of a request to `to`, which is `given` or where its redirects lead. `may_carry`
    /// says whether all of them were within its origin, and `named` is the login that they name for that of `to`.
    pub fn fields<'a>(
        &'a self,
        given: &Given<'a>,
        to: &Url,
        may_carry: bool,
        named: Option<&Credentials>,
    ) -> Vec<Cow<'a, Field>> {
        let mut sent: Vec<Cow<'a, Field>> = Vec::new();
        if may_carry || self.is_location_trusted {
            if let Some(credentials) = given.credentials {
                let known = self.password_of(credentials, to, scope(given, may_carry));
                sent.push(Cow::Owned(basic(known.as_ref().unwrap_or(credentials))));
            }
            // What is said of one URL goes before what is said of all.
            add(&mut sent, given.fields);
            if !given.is_foreign {
                add(&mut sent, &self.fields);
            }
            if !may_carry {
                // It names the host that was left.
                sent.retain(|field| !field.is("host"));
            }
        }
        add(&mut sent, &self.everywhere);
        if !sent.iter().any(|field| field.is(AUTHORIZATION)) {
            // Nothing that began with TLS is logged in without.
            let is_downgraded = given.url.scheme() == "https" && to.scheme() != "https";
            let login = || self.login_of(given, to, may_carry).or_else(|| named.cloned());
            let login = if is_downgraded { None } else { login() };
            sent.extend(login.map(|login| Cow::Owned(basic(&login))));
        }
        sent
    }

    /// Returns the login of a host in the netrc file, which is looked up anew for each hop. One that a
    /// redirect leads to has to be named there.
    fn login_of(&self, given: &Given<'_>, to: &Url, may_carry: bool) -> Option<Credentials> {
        let netrc = self.netrc.as_ref()?;
        netrc.find(to.host_str()?, None, scope(given, may_carry))
    }

    /// Returns the login of a user that a URL names without a password.
    fn password_of(
        &self,
        credentials: &Credentials,
        to: &Url,
        scope: Scope,
    ) -> Option<Credentials> {
        let netrc = self.netrc.as_ref().filter(|_| credentials.password.is_empty())?;
        netrc.find(to.host_str()?, Some(&credentials.user), scope)
    }
}

/// The login for hosts that no one named is for those that the user chose.
fn scope(given: &Given<'_>, may_carry: bool) -> Scope {
    if may_carry && !given.is_foreign { Scope::Any } else { Scope::Named }
}

/// Adds those fields that none of their name goes before.
fn add<'a>(sent: &mut Vec<Cow<'a, Field>>, fields: &'a [Field]) {
    let before = sent.len();
    for field in fields {
        if !sent[..before].iter().any(|known| known.is(&field.name)) {
            sent.push(Cow::Borrowed(field));
        }
    }
}

/// Returns the field with which credentials are sent.
pub fn basic(credentials: &Credentials) -> Field {
    Field::new(AUTHORIZATION, basic_value(credentials))
}

/// Returns credentials in the `Basic` scheme (RFC 7617 §2).
pub fn basic_value(Credentials { user, password }: &Credentials) -> String {
    let pair = [user, &b":"[..], password].concat();
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

/// Returns a token in the `Bearer` scheme (RFC 6750 §2.1).
///
/// # Errors
/// Why it is none, without it.
pub fn bearer(token: &[u8]) -> Result<Field, &'static str> {
    if token.is_empty() {
        return Err("is empty");
    }
    if !token.iter().all(u8::is_ascii_graphic) {
        return Err("has a blank or another character in it that no token has");
    }
    Ok(Field::new(AUTHORIZATION, [b"Bearer ", token].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn fields(lines: &[(&str, &str)]) -> Fields {
        lines.iter().map(|(name, value)| Field::new(name, value)).collect()
    }

    #[track_caller]
    fn told(sent: &[Cow<'_, Field>]) -> String {
        let line = |field: &Cow<'_, Field>| {
            let value = field.value.as_deref().map(String::from_utf8_lossy);
            format!("{}={}", field.name, value.unwrap_or("-".into()))
        };
        sent.iter().map(line).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_said_of_one_url_goes_before_what_is_said_of_all() {
        let mut secrets = Secrets {
            fields: fields(&[("Authorization", "all"), ("X", "1"), ("x", "2"), ("Y", "all")]),
            everywhere: fields(&[("User-Agent", "me")]),
            ..Secrets::default()
        };
        let url = url("http://h/");
        let credentials = Credentials { user: b"u".to_vec(), password: b"p".to_vec() };
        let listed = fields(&[("authorization", "list"), ("Y", "list"), ("user-agent", "list")]);
        let mut given = Given { url: &url, credentials: None, fields: &[], is_foreign: false };
        let sent = |secrets: &Secrets, given| told(&secrets.fields(&given, &url, true, None));
        assert_eq!(sent(&secrets, given), "Authorization=all X=1 x=2 Y=all User-Agent=me");
        given.fields = &listed;
        assert_eq!(sent(&secrets, given), "authorization=list Y=list user-agent=list X=1 x=2");
        given.credentials = Some(&credentials);
        assert!(sent(&secrets, given).starts_with("Authorization=Basic dTpw Y=list"));
        secrets.fields.clear();
        given = Given { url: &url, credentials: None, fields: &[], is_foreign: false };
        assert_eq!(sent(&secrets, given), "User-Agent=me");
        assert!(!secrets.has_any(&given));
    }

    #[test]
    fn another_origin_gets_nothing_but_the_name_of_the_program() {
        let mut secrets = Secrets {
            fields: fields(&[("Authorization", "s"), ("Accept", "s"), ("Host", "virtual")]),
            everywhere: fields(&[("User-Agent", "me")]),
            ..Secrets::default()
        };
        let url = url("http://h/");
        let credentials = Credentials { user: b"u".to_vec(), password: b"p".to_vec() };
        let listed = fields(&[("X", "s"), ("User-Agent", "list")]);
        let given = Given {
            url: &url,
            credentials: Some(&credentials),
            fields: &listed,
            is_foreign: false,
        };
        assert_eq!(told(&secrets.fields(&given, &url, false, None)), "User-Agent=me");
        secrets.is_location_trusted = true;
        let sent = told(&secrets.fields(&given, &url, false, None));
        assert_eq!(sent, "Authorization=Basic dTpw X=s User-Agent=list Accept=s");
    }

    #[test]
    fn what_is_given_for_all_urls_is_not_for_those_of_a_document() {
        let netrc = Netrc::parse(b"machine h login me password s\ndefault login d password u");
        let mut secrets = Secrets {
            fields: fields(&[("Authorization", "s"), ("X", "s")]),
            everywhere: fields(&[("User-Agent", "me")]),
            ..Secrets::default()
        };
        let (h, x) = (url("http://h/"), url("http://x/"));
        let credentials = Credentials { user: b"u".to_vec(), password: b"p".to_vec() };
        let listed = fields(&[("Y", "own")]);
        let given =
            Given { url: &h, credentials: Some(&credentials), fields: &listed, is_foreign: true };
        let sent = |secrets: &Secrets, given, to| told(&secrets.fields(given, to, true, None));
        assert_eq!(sent(&secrets, &given, &h), "Authorization=Basic dTpw Y=own User-Agent=me");
        let bare = Given { credentials: None, fields: &[], ..given };
        assert_eq!(sent(&secrets, &bare, &h), "User-Agent=me");
        assert!(!secrets.has_any(&bare) && secrets.has_any(&given));
        secrets.is_location_trusted = true;
        assert_eq!(sent(&secrets, &bare, &h), "User-Agent=me");
        secrets.netrc = netrc.ok();
        assert_eq!(sent(&secrets, &bare, &h), "User-Agent=me Authorization=Basic bWU6cw==");
        assert_eq!(sent(&secrets, &bare, &x), "User-Agent=me");
    }

    #[test]
    fn a_login_of_the_netrc_file_is_for_its_host() {
        let netrc = Netrc::parse(
            b"machine h login me password s\nmachine b login b password t\ndefault login d password u",
        );
        let mut secrets = Secrets { netrc: netrc.ok(), ..Secrets::default() };
        let sent = |secrets: &Secrets, from: &str, to: &str, may_carry| {
            let from = url(from);
            let given = Given { url: &from, credentials: None, fields: &[], is_foreign: false };
            told(&secrets.fields(&given, &url(to), may_carry, None))
        };
        let login = |login: &str| format!("Authorization=Basic {}", BASE64_STANDARD.encode(login));
        assert_eq!(sent(&secrets, "http://h/", "http://h/", true), login("me:s"));
        assert_eq!(sent(&secrets, "http://x/", "http://x/", true), login("d:u"));
        assert_eq!(sent(&secrets, "http://h/", "http://b/", false), login("b:t"));
        assert_eq!(sent(&secrets, "http://h/", "http://x/", false), "");
        assert_eq!(sent(&secrets, "https://h/", "https://b/", false), login("b:t"));
        // Not even to the same host.
        assert_eq!(sent(&secrets, "https://h/", "http://h/", false), "");
        let at_h = url("http://h/");
        let with_login = |user: &str, password: &str| {
            let (user, password) = (user.into(), password.into());
            let credentials = Credentials { user, password };
            let given = Given {
                url: &at_h,
                credentials: Some(&credentials),
                fields: &[],
                is_foreign: false,
            };
            told(&secrets.fields(&given, &at_h, true, None))
        };
        assert_eq!(with_login("me", ""), login("me:s"));
        assert_eq!(with_login("me", "own"), login("me:own"));
        assert_eq!(with_login("you", ""), login("you:"));
        secrets.fields = fields(&[("authorization", "all")]);
        assert_eq!(sent(&secrets, "http://h/", "http://h/", true), "authorization=all");
    }

    #[test]
    fn a_login_that_a_redirect_names_comes_after_what_the_user_gave() {
        let named = Credentials { user: b"n".to_vec(), password: b"m".to_vec() };
        let own = Credentials { user: b"u".to_vec(), password: b"p".to_vec() };
        let mut secrets = Secrets::default();
        let sent = |secrets: &Secrets, own, from: &str, to: &str, may_carry| {
            let from = url(from);
            let given = Given { url: &from, credentials: own, fields: &[], is_foreign: false };
            told(&secrets.fields(&given, &url(to), may_carry, Some(&named)))
        };
        let login = |login: &str| format!("Authorization=Basic {}", BASE64_STANDARD.encode(login));
        assert_eq!(sent(&secrets, None, "http://h/", "http://h/", true), login("n:m"));
        assert_eq!(sent(&secrets, None, "http://h/", "http://i/", false), login("n:m"));
        assert_eq!(sent(&secrets, Some(&own), "http://h/", "http://h/", true), login("u:p"));
        assert_eq!(sent(&secrets, Some(&own), "http://h/", "http://i/", false), login("n:m"));
        assert_eq!(sent(&secrets, None, "https://h/", "http://i/", false), "");
        secrets.netrc = Netrc::parse(b"machine i login me password s").ok();
        assert_eq!(sent(&secrets, None, "http://h/", "http://i/", false), login("me:s"));
        assert_eq!(sent(&secrets, None, "http://h/", "http://j/", false), login("n:m"));
        secrets.fields = fields(&[("authorization", "all")]);
        assert_eq!(sent(&secrets, None, "http://h/", "http://h/", true), "authorization=all");
        assert_eq!(sent(&secrets, None, "http://h/", "http://j/", false), login("n:m"));
        secrets.is_location_trusted = true;
        assert_eq!(sent(&secrets, None, "http://h/", "http://j/", false), "authorization=all");
    }

    #[test]
    fn tokens_are_sent_as_they_are_or_refused_without_being_told() {
        assert_eq!(bearer(b"a.b~c==").unwrap().value.unwrap()[..], b"Bearer a.b~c=="[..]);
        for token in [&b""[..], b"a b", b"a\n", b"\xff", b"a\x7f"] {
            assert!(bearer(token).is_err());
        }
    }
}
