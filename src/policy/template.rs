//! Names by a template of the user (`--name`): read once, then filled in for each file.
//!
//! A `/` of the template, of `{path}` and of `{dir}` divides folders; one in any other value does not.
//! Whatever the values are, each component passes the filter of all names, so that no template and no URL
//! leads out of the folder. A folder of which nothing is left is not made, and a name of which nothing
//! is left is that of an index.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::str::FromStr;

use url::{Host, Url};

use crate::model::redact;
use crate::policy::filename;
use crate::policy::placement::Placement;

/// What `--tree` stands for.
pub const TREE: &str = "{host}/{path}";

/// The most digits that a number can be asked to have.
const MAX_WIDTH: usize = 20;

/// What may stand in a template.
const KNOWN: &str = "{host}, {path}, {dir}, {name}, {stem}, {ext}, {index}, {index:04}, {sha256}, {query}; \
`{{` and `}}` are braces";

/// A template, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Begins the next component.
    Separator,
    Text(String),
    Value(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Dir,
    Ext,
    Host,
    Index { width: usize },
    Name,
    Path,
    Query,
    Sha256,
    Stem,
}

/// What a name is made of.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The URL that the user gave.
    pub url: &'a Url,
    /// The number of the job in its run.
    pub index: u32,
    /// The name that the server chose, filtered, where it may and did.
    pub server_name: Option<&'a str>,
    /// What stands for the SHA-256 of the file.
    pub sha256: &'a str,
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let template = Self(pieces(text)?);
        template.check()?;
        Ok(template)
    }
}

impl Template {
    /// Returns whether a name is known only when all of the file is there.
    pub fn has_sha256(&self) -> bool {
        self.has(|value| value == Value::Sha256)
    }

    /// Returns whether each job has a name of its own.
    pub fn has_index(&self) -> bool {
        self.has(|value| matches!(value, Value::Index { .. }))
    }

    /// Returns whether the name that a server chooses is used.
    pub fn has_name(&self) -> bool {
        self.has(|value| matches!(value, Value::Name | Value::Stem | Value::Ext))
    }

    fn has(&self, is_it: impl Fn(Value) -> bool) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Value(value) if is_it(*value)))
    }

    /// Returns where a file goes.
    pub fn place(&self, facts: &Facts<'_>) -> Placement {
        let mut components = vec![Vec::new()];
        let mut before: Option<&Piece> = None;
        for piece in &self.0 {
            match piece {
                Piece::Separator => components.push(Vec::new()),
                Piece::Text(text) => push(&mut components, text.as_bytes()),
                Piece::Value(value) => {
                    let found = value.of(facts);
                    let is_dotted =
                        matches!(before, Some(Piece::Text(text)) if text.ends_with('.'));
                    if *value == Value::Ext && found[0].is_empty() && is_dotted {
                        // Without an extension there is nothing for its dot to divide.
                        components.last_mut().map(Vec::pop);
                    }
                    let mut found = found.into_iter();
                    push(&mut components, &found.next().unwrap_or_default());
                    components.extend(found);
                }
            }
            before = Some(piece);
        }
        let filter = |component: &Vec<u8>| component_of(component, facts.sha256);
        let name = components.pop().as_ref().and_then(filter);
        let folder = components.iter().filter_map(filter).collect();
        Placement { folder, name: Some(name.unwrap_or_else(|| filename::FALLBACK.to_owned())) }
    }

    /// Refuses what can be seen to be meant otherwise.
    fn check(&self) -> Result<(), String> {
        let components = self.0.split(|piece| *piece == Piece::Separator);
        let literal = |pieces: &[Piece]| match pieces {
            [] => Some(String::new()),
            [Piece::Text(text)] => Some(text.clone()),
            _ => None,
        };
        let literals: Vec<Option<String>> = components.map(literal).collect();
        let is_empty = |literal: Option<&Option<String>>| {
            literal.is_some_and(|literal| literal.as_deref() == Some(""))
        };
        if literals.iter().flatten().any(|text| text == "..") {
            return Err("`..` leads out of the folder".to_owned());
        }
        if literals.len() > 1 && is_empty(literals.first()) {
            return Err("names are paths below `--dir`, and this one is absolute".to_owned());
        }
        if is_empty(literals.last()) {
            return Err("it names no file".to_owned());
        }
        Ok(())
    }
}

impl Value {
    /// Returns the value as components, of which there is at least one.
    fn of(self, facts: &Facts<'_>) -> Vec<Vec<u8>> {
        let name = || match facts.server_name {
            Some(name) => name.to_owned(),
            None => filename::from_url(facts.url)
                .map_or_else(|| filename::FALLBACK.to_owned(), Cow::into_owned),
        };
        let one = |value: &str| vec![value.as_bytes().to_vec()];
        match self {
            Self::Dir => {
                let mut folders = path(facts.url);
                folders.pop();
                if folders.is_empty() { one("") } else { folders }
            }
            Self::Ext => one(filename::split_extension(&name()).1.trim_start_matches('.')),
            Self::Host => one(&host(facts.url)),
            Self::Index { width } => one(&format!("{:0width$}", facts.index)),
            Self::Name => one(&name()),
            Self::Path => path(facts.url),
            Self::Query => vec![query(facts.url)],
            Self::Sha256 => one(facts.sha256),
            Self::Stem => one(filename::split_extension(&name()).0),
        }
    }
}

/// Continues the last component.
fn push(components: &mut [Vec<u8>], bytes: &[u8]) {
    if let Some(last) = components.last_mut() {
        last.extend_from_slice(bytes);
    }
}

/// Returns the safe form of a component, `None` if nothing is left of it. A digest is never cut off: files
/// with other contents must have other names.
fn component_of(component: &[u8], sha256: &str) -> Option<String> {
    let safe = filename::filter(component)?;
    let is_cut = !safe.contains(sha256) && String::from_utf8_lossy(component).contains(sha256);
    if is_cut {
        filename::filter(&[sha256.as_bytes(), b"-", component].concat())
    } else {
        Some(safe)
    }
}

/// Returns the components of a URL's path; the last one is a name.
fn path(url: &Url) -> Vec<Vec<u8>> {
    if url.scheme() == "data" {
        return vec![filename::DATA.as_bytes().to_vec()];
    }
    let mut components: Vec<&str> = url.path().split('/').skip(1).collect();
    let name = components.pop().unwrap_or_default();
    let name_of = |component: &str| {
        filename::filter(filename::decode(component).as_bytes()).map(String::into_bytes)
    };
    let folders = components.into_iter().filter_map(name_of);
    let name = name_of(name).unwrap_or_else(|| filename::FALLBACK.as_bytes().to_vec());
    folders.chain([name]).collect()
}

/// Returns a URL's host, with the port if it is not that of the scheme. The colons of an address become
/// dashes, and the one before the port an underscore: many systems have no colons in names.
fn host(url: &Url) -> String {
    let mut text = match url.host() {
        Some(Host::Ipv6(address)) => address.to_string().replace(':', "-"),
        Some(host) => host.to_string(),
        None => String::new(),
    };
    if let Some(port) = url.port() {
        let _ = write!(text, "_{port}");
    }
    text
}

/// Returns a URL's query without its secrets, which are no part of a name.
fn query(url: &Url) -> Vec<u8> {
    let queried = url.query().filter(|_| url.scheme() != "data");
    let mut query = String::new();
    let mut was_secret = false;
    for (parameter, is_secret) in redact::parameters(queried.unwrap_or_default()) {
        if !is_secret {
            query.push_str(parameter);
        }
        was_secret = is_secret;
    }
    if was_secret {
        // The separator was that before the last one.
        query.pop();
    }
    filename::decode(&query).replace(['/', '\\'], "_").into_bytes()
}

/// Divides the text of a template.
fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '{' | '}' if after.starts_with(c) => {
                literal.push(c);
                &after[1..]
            }
            '}' => return Err(format!("a `}}` without a `{{` before it; known are {KNOWN}")),
            '{' => {
                let Some((name, after)) = after.split_once('}') else {
                    return Err(format!("a `{{` without a `}}` behind it; known are {KNOWN}"));
                };
                flush(&mut pieces, &mut literal);
                pieces.push(Piece::Value(value(name)?));
                after
            }
            '/' => {
                flush(&mut pieces, &mut literal);
                pieces.push(Piece::Separator);
                after
            }
            '\\' | '\0' => return Err(format!("{c:?} is in no name; folders are divided by `/`")),
            _ => {
                literal.push(c);
                after
            }
        };
    }
    flush(&mut pieces, &mut literal);
    Ok(pieces)
}

fn flush(pieces: &mut Vec<Piece>, literal: &mut String) {
    if !literal.is_empty() {
        pieces.push(Piece::Text(std::mem::take(literal)));
    }
}

/// Reads what is between braces.
fn value(name: &str) -> Result<Value, String> {
    Ok(match name {
        "dir" => Value::Dir,
        "ext" => Value::Ext,
        "host" => Value::Host,
        "index" => Value::Index { width: 1 },
        "name" => Value::Name,
        "path" => Value::Path,
        "query" => Value::Query,
        "sha256" => Value::Sha256,
        "stem" => Value::Stem,
        _ => match name.strip_prefix("index:") {
            Some(form) => Value::Index { width: width(form)? },
            None => return Err(format!("`{{{name}}}` is not known; known are {KNOWN}")),
        },
    })
}

/// Reads the form of a number.
fn width(form: &str) -> Result<usize, String> {
    let is_number = form.starts_with('0') && form.bytes().all(|byte| byte.is_ascii_digit());
    let width = form.parse().ok().filter(|width| is_number && (1..=MAX_WIDTH).contains(width));
    width.ok_or_else(|| {
        format!("`{{index:{form}}}` has no width from 01 to {MAX_WIDTH:03}, such as `{{index:04}}`")
    })
}

#[cfg(test)]
mod tests;
