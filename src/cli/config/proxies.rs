//! What connections go through, by the options and the environment.

use std::sync::Arc;

use anyhow::{Result, anyhow, bail};

use crate::cli::args::Args;
use crate::cli::args::ProxyArgs;
use crate::cli::environment::{ProxyVariables, Variable};
use crate::model::job::Credentials;
use crate::model::proxy::Proxy;
use crate::model::redact::shorten;
use crate::policy::proxy::{Exceptions, Proxies, check_login, parse};

/// Returns the proxies, as curl would choose them.
///
/// # Errors
/// A text that names none, without its login.
pub(super) fn proxies(args: &Args, variables: &ProxyVariables) -> Result<Proxies> {
    let args = &args.proxies;
    let (http, https) = match args.proxy.as_deref().map(str::trim) {
        Some("") => (None, None),
        Some(text) => {
            let proxy = parse(text).map_err(|why| anyhow!("`--proxy` {why}"))?;
            let proxy = Some(settle("--proxy", proxy, args)?);
            (proxy.clone(), proxy)
        }
        None => {
            let all = variables.all.as_ref();
            (
                of_variable(variables.http.as_ref().or(all), args)?,
                of_variable(variables.https.as_ref().or(all), args)?,
            )
        }
    };
    if http.is_none() && https.is_none() && args.proxy_user.is_some() {
        bail!("`--proxy-user` is for a proxy, and there is none; give one with `--proxy`");
    }
    Ok(Proxies { http, https, exceptions: exceptions(args, variables)? })
}

fn exceptions(args: &ProxyArgs, variables: &ProxyVariables) -> Result<Exceptions> {
    let Some(list) = &args.no_proxy else {
        // Other programs read other things out of the variable.
        let list = variables.none.as_ref().map(|variable| variable.value.as_str());
        return Ok(Exceptions::parse(list.unwrap_or_default()).0);
    };
    let (exceptions, wrong) = Exceptions::parse(list);
    match wrong.first() {
        Some(entry) => bail!(
            "`--no-proxy` has `{}`, which is no name, address or network such as 10.0.0.0/8",
            shorten(entry)
        ),
        None => Ok(exceptions),
    }
}

fn of_variable(variable: Option<&Variable>, args: &ProxyArgs) -> Result<Option<Arc<Proxy>>> {
    let Some(Variable { name, value }) = variable else { return Ok(None) };
    let proxy = parse(value).map_err(|why| anyhow!("the variable `{name}` is {why}"))?;
    settle(name, proxy, args).map(Some)
}

/// Gives a proxy the login of `--proxy-user`.
fn settle(name: &str, mut proxy: Proxy, args: &ProxyArgs) -> Result<Arc<Proxy>> {
    if let Some(text) = &args.proxy_user {
        let Some((user, password)) = text.split_once(':') else {
            bail!("`--proxy-user` is a name and a password with a colon between them");
        };
        proxy.credentials = Some(Credentials { user: user.into(), password: password.into() });
        check_login(&proxy)
            .map_err(|why| anyhow!("`--proxy-user`, for the proxy of `{name}`: {why}"))?;
    }
    Ok(Arc::new(proxy))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use url::Url;

    use super::*;

    fn variables(values: [&str; 4]) -> ProxyVariables {
        let names = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"];
        let mut found = names.into_iter().zip(values).map(|(name, value)| {
            (!value.is_empty()).then(|| Variable { name, value: value.to_owned() })
        });
        let mut next = || found.next().unwrap();
        ProxyVariables { http: next(), https: next(), all: next(), none: next() }
    }

    fn resolve(args: &[&str], values: [&str; 4]) -> Result<Proxies> {
        let args = Args::try_parse_from(["haul"].iter().chain(args)).unwrap();
        proxies(&args, &variables(values))
    }

    #[test]
    fn options_go_before_variables_and_variables_of_a_scheme_before_those_of_all() {
        /// Which proxies an http URL and an https URL go through.
        #[track_caller]
        fn case(args: &[&str], values: [&str; 4], http: &str, https: &str) {
            let proxies = resolve(args, values).unwrap();
            for (url, host) in [("http://h/", http), ("https://h/", https)] {
                let chosen = proxies.choose(&Url::parse(url).unwrap());
                assert_eq!(chosen.map_or("", |proxy| &proxy.host), host, "{args:?} {values:?}");
            }
        }
        case(&[], ["", "", "", ""], "", "");
        case(&[], ["a", "", "", ""], "a", "");
        case(&[], ["", "b", "", ""], "", "b");
        case(&[], ["a", "b", "c", ""], "a", "b");
        case(&[], ["a", "", "c", ""], "a", "c");
        case(&[], ["", "", "c", ""], "c", "c");
        case(&[], ["a", "b", "", "h"], "", "");
        case(&[], ["a", "b", "", "h:80"], "", "b");
        case(&[], ["a", "b", "", "other, 10.0.0.0/99"], "a", "b");
        case(&["--proxy", "d"], ["a", "b", "c", ""], "d", "d");
        case(&["--proxy", "d"], ["", "", "", "h"], "", "");
        case(&["--proxy", "d", "--no-proxy", ""], ["", "", "", "h"], "d", "d");
        case(&["--no-proxy", "h:443"], ["a", "b", "c", ""], "a", "");
        case(&["--proxy", ""], ["a", "b", "c", ""], "", "");
        // What is not used need not be right.
        case(&["--proxy", "d"], ["a b", "ftp://x", "c", ""], "d", "d");
    }

    #[test]
    fn the_login_of_the_option_goes_before_that_of_the_url() {
        let login = |args: &[&str], values| {
            let proxy = resolve(args, values).unwrap().https.unwrap();
            let login = proxy.credentials.clone().unwrap();
            [login.user, login.password].map(|part| String::from_utf8(part).unwrap())
        };
        assert_eq!(login(&["--proxy", "a:b@p"], [""; 4]), ["a", "b"]);
        assert_eq!(login(&["--proxy", "a:b@p", "--proxy-user", "c:d:e"], [""; 4]), ["c", "d:e"]);
        assert_eq!(login(&["--proxy-user", "c%40:"], ["", "", "a:b@p", ""]), ["c%40", ""]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_without_the_login() {
        #[track_caller]
        fn case(args: &[&str], values: [&str; 4], why: &str) {
            let error = resolve(args, values).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        case(&["--proxy", "ftp://me:s3cret@p"], [""; 4], "`--proxy` `ftp://***@p`: a proxy is");
        let variable = "the variable `https_proxy` is `***@p:x`: invalid port number";
        case(&[], ["", "me:s3cret@p:x", "", ""], variable);
        case(&["--proxy-user", "me:s3cret"], [""; 4], "there is none");
        case(&["--proxy", "", "--proxy-user", "me:s3cret"], ["a"; 4], "there is none");
        case(&["--proxy", "p", "--proxy-user", "s3cret"], [""; 4], "a colon between");
        case(&["--proxy", "socks4://p", "--proxy-user", "me:s3cret"], [""; 4], "no passwords");
        case(&["--no-proxy", "a,10.0.0.0/99"], [""; 4], "`--no-proxy` has `10.0.0.0/99`");
    }
}
