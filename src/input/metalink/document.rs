//! What the tags of a document mean, from where they are.

use std::borrow::Cow;
use std::sync::Arc;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::Prefix;

use crate::input::entry::{Batch, Entry};
use crate::input::metalink::file::{Doubt, File};

/// How deep elements may be in one another.
const MAX_DEPTH: usize = 32;

/// How many attributes one tag may have.
const MAX_ATTRIBUTES: usize = 64;

/// How much text the value of an element may have, in several parts.
const MAX_TEXT_BYTES: usize = 64 * 1024;

const DOCUMENT_TYPE: &str = "a document type (`<!DOCTYPE`), which can make a small document a huge one, \
                             is not read";

/// The encodings that are UTF-8, or a part of it, and the one that is told by its first bytes and decoded
/// before.
const ENCODINGS: [&str; 4] = ["UTF-8", "UTF8", "US-ASCII", "UTF-16"];

/// An element that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    File,
    /// One that only holds others: `files`, `verification` and `resources` of version 3.
    Group,
    Hash,
    /// One that means nothing here, and neither does what is in it.
    Other,
    PieceHash,
    Pieces,
    Root,
    Size,
    Url,
}

impl Element {
    /// Returns what an element is by its name and that in which it is; `is_in_file` tells the groups apart.
    fn of(outer: Self, name: &str, is_in_file: bool) -> Self {
        match (outer, name) {
            (Self::Root, "files") | (Self::File, "verification" | "resources") => Self::Group,
            (Self::Root | Self::Group, "file") if !is_in_file => Self::File,
            (Self::File | Self::Group, "hash") if is_in_file => Self::Hash,
            (Self::File | Self::Group, "pieces") if is_in_file => Self::Pieces,
            (Self::File | Self::Group, "url") if is_in_file => Self::Url,
            (Self::File, "size") => Self::Size,
            (Self::Pieces, "hash") => Self::PieceHash,
            _ => Self::Other,
        }
    }
}

/// A document that is being read.
pub(super) struct Document {
    list: Arc<str>,
    open: Vec<Element>,
    /// What the names of its elements begin with, for those of other vocabularies mean nothing here.
    prefix: Option<String>,
    has_root: bool,
    /// Whether it has a document type.
    has_type: bool,
    /// The value of the element that is open.
    text: String,
    file: Option<File>,
    /// Whether the last file has many pieces.
    is_heavy: bool,
    /// What was told, once each.
    told: Vec<Doubt>,
}

impl Document {
    pub(super) fn new(list: Arc<str>) -> Self {
        Self {
            list,
            open: Vec::new(),
            prefix: None,
            has_root: false,
            has_type: false,
            text: String::new(),
            file: None,
            is_heavy: false,
            told: Vec::new(),
        }
    }

    /// Returns whether its last element has ended.
    pub(super) fn is_complete(&self) -> bool {
        self.has_root && self.open.is_empty()
    }

    /// Returns whether the last file takes much memory.
    pub(super) fn is_heavy(&self) -> bool {
        self.is_heavy
    }

    /// Returns what the user can do about a document that is refused.
    pub(super) fn hint(&self) -> Option<&'static str> {
        self.has_type.then_some("take the `<!DOCTYPE` out of the document if it is yours")
    }

    /// Takes what comes next, which ends on `line`; returns whether a file was found.
    ///
    /// # Errors
    /// Why the document is not read on.
    pub(super) fn take(
        &mut self,
        event: &Event<'_>,
        line: u64,
        found: &mut Batch,
    ) -> Result<bool, String> {
        match event {
            Event::Start(tag) => self.start(tag, line)?,
            Event::End(_) => return Ok(self.end(line, found)),
            Event::Text(text) => self.add(text)?,
            Event::CData(text) => self.add(text)?,
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().map_err(|error| error.to_string())?;
                if let Some(character) = character {
                    self.add(character.encode_utf8(&mut [0; 4]))?;
                } else {
                    let text = resolve_predefined_entity(reference);
                    self.add(text.ok_or("an entity that is not XML's own")?)?;
                }
            }
            Event::Decl(declaration) => {
                let encoding =
                    declaration.encoding().transpose().map_err(|error| error.to_string())?;
                let encoding = encoding.unwrap_or(Cow::Borrowed("UTF-8"));
                if !ENCODINGS.iter().any(|known| known.eq_ignore_ascii_case(&encoding)) {
                    return Err(format!(
                        "the document is in `{encoding}`, and only UTF-8 and UTF-16 are read"
                    ));
                }
            }
            Event::DocType(_) => {
                self.has_type = true;
                return Err(DOCUMENT_TYPE.to_owned());
            }
            // Elements without content come as a start and an end.
            Event::Empty(_) | Event::Comment(_) | Event::PI(_) | Event::Eof => {}
        }
        Ok(false)
    }

    fn start(&mut self, tag: &BytesStart<'_>, line: u64) -> Result<(), String> {
        if self.open.len() == MAX_DEPTH {
            return Err(format!("elements are more than {MAX_DEPTH} deep in one another"));
        }
        let (name, prefix) = tag.name().decompose();
        let name: &str = name.into_inner();
        let prefix = prefix.map(Prefix::into_inner);
        let element = match self.open.last() {
            Some(&outer) if prefix == self.prefix.as_deref() => {
                Element::of(outer, name, self.file.is_some())
            }
            Some(_) => Element::Other,
            None if self.has_root => return Err("more follows after the last tag".to_owned()),
            None if name != "metalink" => {
                return Err(format!("not a Metalink document: it begins with `<{name}>`"));
            }
            None => {
                (self.has_root, self.prefix) = (true, prefix.map(str::to_owned));
                Element::Root
            }
        };
        self.open.push(element);
        self.text.clear();
        let file = self.file.as_mut();
        match (element, file) {
            (Element::File, _) => {
                let [name] = attributes(tag, ["name"])?;
                self.file = Some(File::new(line, name));
            }
            (Element::Hash, Some(file)) => [file.kind] = attributes(tag, ["type"])?,
            (Element::PieceHash, Some(file)) => [file.piece] = attributes(tag, ["piece"])?,
            (Element::Url, Some(file)) => {
                let [kind, priority, preference] =
                    attributes(tag, ["type", "priority", "preference"])?;
                file.begin_url(kind.as_deref(), priority.as_deref(), preference.as_deref());
            }
            (Element::Pieces, Some(file)) => {
                let [kind, length] = attributes(tag, ["type", "length"])?;
                file.begin_pieces(kind.as_deref(), length.as_deref());
            }
            _ => {}
        }
        Ok(())
    }

    /// Ends an element; returns whether it was a file's.
    fn end(&mut self, line: u64, found: &mut Batch) -> bool {
        // An end without a start was refused already.
        let element = self.open.pop().unwrap_or(Element::Other);
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        match (element, &mut self.file) {
            (Element::Hash, Some(file)) => file.add_hash(text, line),
            (Element::PieceHash, Some(file)) => file.add_piece(text),
            (Element::Pieces, Some(file)) => file.end_pieces(),
            (Element::Size, Some(file)) => file.set_size(text, line),
            (Element::Url, Some(file)) => file.add_url(text, line),
            _ => {}
        }
        let Some(file) = self.file.take_if(|_| element == Element::File) else { return false };
        let (entry, doubts) = file.entry(&self.list);
        self.is_heavy = is_heavy(&entry);
        for (doubt, line, text) in doubts {
            if !self.told.contains(&doubt) {
                self.told.push(doubt);
                found
                    .warnings
                    .push(format!("{}:{line}: {text}; others like it are not told", self.list));
            }
        }
        found.entries.push(entry);
        true
    }

    fn add(&mut self, text: &str) -> Result<(), String> {
        let is_value = matches!(
            self.open.last(),
            Some(Element::Hash | Element::PieceHash | Element::Size | Element::Url)
        );
        if self.open.is_empty() && !text.trim().is_empty() {
            return Err("text outside of all elements".to_owned());
        }
        if is_value {
            if self.text.len() + text.len() > MAX_TEXT_BYTES {
                return Err(format!("a value has more than {MAX_TEXT_BYTES} bytes"));
            }
            self.text.push_str(text);
        }
        Ok(())
    }
}

/// Returns the values of some attributes.
fn attributes<const N: usize>(
    tag: &BytesStart<'_>,
    names: [&str; N],
) -> Result<[Option<String>; N], String> {
    let mut values = [const { None }; N];
    for (number, attribute) in tag.attributes().enumerate() {
        if number == MAX_ATTRIBUTES {
            return Err(format!("a tag has more than {MAX_ATTRIBUTES} attributes"));
        }
        let attribute = attribute.map_err(|error| format!("not well-formed XML: {error}"))?;
        let key: &str = attribute.key.as_ref();
        if let Some(at) = names.iter().position(|name| *name == key) {
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| format!("not well-formed XML: {error}"))?;
            values[at] = Some(value.into_owned());
        }
    }
    Ok(values)
}

fn is_heavy(entry: &Entry) -> bool {
    /// As many as take no more memory than a batch of entries.
    const FEW: usize = 1024;
    let pieces = entry.wanted.as_ref().ok().and_then(|wanted| wanted.pieces.as_ref());
    pieces.is_some_and(|pieces| pieces.count() > FEW)
}
