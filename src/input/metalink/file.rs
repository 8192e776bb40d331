//! One file of a document: gathered while its element is open, and then made an entry.

use std::sync::Arc;

use crate::input::entry::{Entry, Wanted, bad_line};
use crate::input::metalink::hashes::{Hashes, Outcome};
use crate::input::metalink::pieces::Open;
use crate::input::urls::MAX_URLS;
use crate::model::digest::{Algorithm, Digest};
use crate::model::error::Cause;
use crate::model::job::{Origin, Target};
use crate::model::pieces::Pieces;
use crate::model::redact::{redact_text, shorten};
use crate::policy::placement::Placement;
use crate::policy::target::{self, is_web};

/// What stands after all priorities of RFC 5854, which go from 1 to 999999.
const NO_PRIORITY: u32 = 1_000_000;

/// What the user should know of a document, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Hashes, and none of a kind that is known.
    Hashes,
    /// A hash that is none, beside one that can be used.
    Malformed,
    /// Hashes of pieces that cannot be used.
    Pieces,
    /// A URL that is relative to another, which is not known.
    Relative,
    /// A size that says nothing.
    Size,
    /// A URL that cannot be asked.
    Url,
}

/// A doubt, its line, and its words.
type Doubts = Vec<(Doubt, u64, String)>;

/// A file whose element is open.
pub(super) struct File {
    /// The line of its start tag.
    line: u64,
    name: Option<String>,
    size: Option<u64>,
    hashes: Hashes,
    /// The type of the hash that is open.
    pub(super) kind: Option<String>,
    /// The rank of the URL that is open; `None` when that is not of the file itself.
    rank: Option<u32>,
    /// URLs with their ranks, the least first.
    urls: Vec<(u32, Target)>,
    /// The strongest pieces that are known, or why there are none.
    pieces: Option<Result<Pieces, String>>,
    /// The pieces that are open.
    open: Option<Open>,
    /// The number of the piece whose hash is open.
    pub(super) piece: Option<String>,
    /// What is wrong, and where.
    wrong: Option<(u64, Cause)>,
    doubts: Doubts,
}

impl File {
    pub(super) fn new(line: u64, name: Option<String>) -> Self {
        Self {
            line,
            name,
            size: None,
            hashes: Hashes::default(),
            kind: None,
            rank: None,
            urls: Vec::new(),
            pieces: None,
            open: None,
            piece: None,
            wrong: None,
            doubts: Vec::new(),
        }
    }

    pub(super) fn set_size(&mut self, text: &str, line: u64) {
        if text.is_empty() {
            return self.doubt(Doubt::Size, line, "an empty `size` is not used");
        }
        match text.parse() {
            Ok(size) => self.size = Some(size),
            Err(_) => self.fail(line, &format!("`{}` is not a number of bytes", shorten(text))),
        }
    }

    /// Takes the hash that is open.
    pub(super) fn add_hash(&mut self, text: &str, line: u64) {
        self.hashes.add(self.kind.take().as_deref(), text, line);
    }

    /// Begins a URL: the lowest `priority` comes first; of version 3 the highest `preference`.
    pub(super) fn begin_url(
        &mut self,
        kind: Option<&str>,
        priority: Option<&str>,
        preference: Option<&str>,
    ) {
        let number = |text: Option<&str>| text.and_then(|text| text.trim().parse::<u32>().ok());
        let rank = match (number(priority), number(preference)) {
            (Some(priority), _) => priority.min(NO_PRIORITY),
            (None, Some(preference)) => NO_PRIORITY - preference.min(100),
            (None, None) => NO_PRIORITY,
        };
        // That of a torrent is no URL of the file, whatever its scheme.
        self.rank = Some(rank).filter(|_| kind != Some("bittorrent"));
    }

    /// Takes the URL that is open.
    pub(super) fn add_url(&mut self, text: &str, line: u64) {
        let Some(rank) = self.rank.take() else { return };
        // Where users type URLs one without a scheme is the name of a host. Here it is that of a file.
        if !target::has_scheme(text) {
            let text = format!("`{}` is not used: it is no absolute URL", shorten(text));
            return self.doubt(Doubt::Relative, line, &text);
        }
        // Its author is not to say what of this machine is copied.
        let web = |target: Target| {
            let scheme = target.url.scheme();
            if is_web(scheme) {
                return Ok(target);
            }
            Err(Cause::UnsupportedScheme { scheme: scheme.to_owned() })
        };
        let target = match target::parse(text).and_then(web) {
            Ok(target) => target,
            Err(cause) => {
                let text = format!("`{}` is not used: {cause}", shorten(text));
                return self.doubt(Doubt::Url, line, &text);
            }
        };
        self.urls.push((rank, target));
        // Those that would not be asked are not kept.
        if self.urls.len() == 4 * MAX_URLS {
            self.sort_urls();
        }
    }

    fn sort_urls(&mut self) {
        self.urls.sort_by_key(|(rank, _)| *rank);
        self.urls.truncate(MAX_URLS);
    }

    pub(super) fn begin_pieces(&mut self, kind: Option<&str>, length: Option<&str>) {
        let Some(algorithm) = kind.and_then(Algorithm::named) else {
            return self.hashes.add_unknown();
        };
        self.open = Some(Open::new(algorithm, length));
    }

    pub(super) fn add_piece(&mut self, text: &str) {
        let number = self.piece.take();
        if let Some(open) = &mut self.open {
            open.add(number.as_deref(), text);
        }
    }

    /// Takes the pieces that are open. Of several the strongest count, but for those that cannot be used
    /// and those without any.
    pub(super) fn end_pieces(&mut self) {
        let strength = |pieces: &Result<Pieces, String>| {
            let pieces = pieces.as_ref().ok().filter(|pieces| pieces.count() > 0);
            pieces.map(Pieces::algorithm)
        };
        let Some(new) = self.open.take().map(Open::complete) else { return };
        if self.pieces.as_ref().is_none_or(|old| strength(old) < strength(&new)) {
            self.pieces = Some(new);
        }
    }

    /// Makes an entry of what was said, and what the user should know of it.
    pub(super) fn entry(mut self, list: &Arc<str>) -> (Entry, Doubts) {
        let wanted = self.wanted();
        let (number, wanted) = match (self.wrong, wanted) {
            (Some((line, cause)), _) => (line, Err(cause)),
            (None, wanted) => (self.line, wanted),
        };
        let origin = Origin::Line { list: Arc::clone(list), number };
        // What is wrong is told with the file's name.
        let text = self.name.filter(|_| wanted.is_err()).unwrap_or_default();
        (Entry { origin, wanted, text: shorten(&text) }, self.doubts)
    }

    fn wanted(&mut self) -> Result<Wanted, Cause> {
        let name = self.name.as_deref().unwrap_or_default();
        let place = Placement::file(name.as_bytes()).map_err(|reason| bad_line(&reason))?;
        self.sort_urls();
        let mut targets = Vec::with_capacity(self.urls.len());
        for (_, target) in std::mem::take(&mut self.urls) {
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        let mut targets = targets.into_iter();
        let target = targets.next().ok_or_else(|| self.no_url())?;
        let (checksum, pieces) = self.checks()?;
        Ok(Wanted {
            mirrors: targets.collect(),
            size: self.size,
            checksum: checksum.map(Box::new),
            pieces: pieces.map(Arc::new),
            place,
            is_foreign: true,
            ..Wanted::from(target)
        })
    }

    /// Returns why there is nothing to ask for.
    fn no_url(&self) -> Cause {
        if self.doubts.iter().all(|(doubt, ..)| *doubt != Doubt::Relative) {
            return bad_line("no URL of http or https");
        }
        Cause::BadLine {
            reason: "no absolute URL of http or https".to_owned(),
            hint: Some("write its URLs out in the document, with scheme and host"),
        }
    }

    /// Returns what the file is checked by: as a whole, and by its pieces.
    ///
    /// # Errors
    /// Why neither can be done, though the document has something to check it by.
    fn checks(&mut self) -> Result<(Option<Digest>, Option<Pieces>), Cause> {
        let outcome = std::mem::take(&mut self.hashes).outcome();
        let pieces = self.usable_pieces();
        match (outcome, pieces) {
            (Outcome::Usable(digest, malformed), pieces) => {
                if let Some((line, reason)) = malformed {
                    self.doubt_hash(line, &reason);
                }
                let pieces = pieces.unwrap_or_else(|reason| {
                    self.doubt(Doubt::Pieces, self.line, &reason);
                    None
                });
                Ok((Some(digest), pieces))
            }
            (Outcome::Unusable((line, reason)), Ok(Some(pieces))) => {
                self.doubt_hash(line, &reason);
                Ok((None, Some(pieces)))
            }
            (Outcome::Contradictory((line, reason)) | Outcome::Unusable((line, reason)), _) => {
                self.fail(line, &reason);
                Err(bad_line(&reason))
            }
            (_, Err(reason)) => Err(bad_line(&reason)),
            (Outcome::Unknown, Ok(None)) if self.wrong.is_none() => {
                let text = "not checked: its hashes are of no kind that is known";
                self.doubt(Doubt::Hashes, self.line, text);
                Ok((None, None))
            }
            (Outcome::Absent | Outcome::Unknown, Ok(pieces)) => Ok((None, pieces)),
        }
    }

    /// Returns the pieces, if they make the file.
    ///
    /// # Errors
    /// Why they do not.
    fn usable_pieces(&mut self) -> Result<Option<Pieces>, String> {
        let reason = match (self.pieces.take(), self.size) {
            (None, _) => return Ok(None),
            (Some(Err(reason)), _) => reason,
            (Some(Ok(_)), None) => "the file has no size".to_owned(),
            (Some(Ok(pieces)), Some(size)) if pieces.make(size) => return Ok(Some(pieces)),
            (Some(Ok(_)), Some(size)) => format!("they do not make {size} bytes"),
        };
        Err(format!("the hashes of its pieces are not used: {reason}"))
    }

    /// Says what is wrong; what is wrong first is told.
    fn fail(&mut self, line: u64, reason: &str) {
        self.wrong.get_or_insert_with(|| (line, bad_line(reason)));
    }

    fn doubt_hash(&mut self, line: u64, reason: &str) {
        self.doubt(Doubt::Malformed, line, &format!("a hash is not used: {reason}"));
    }

    fn doubt(&mut self, doubt: Doubt, line: u64, text: &str) {
        if self.doubts.iter().all(|(known, ..)| *known != doubt) {
            self.doubts.push((doubt, line, redact_text(text)));
        }
    }
}
