//! What to do when something has the destination's name already.

/// What the user wants then (`--if-exists`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfExists {
    /// The job fails.
    Error,
    /// The new file replaces the old one once it is complete.
    Overwrite,
    /// The new file gets the next free number.
    Rename,
    /// The old file counts as complete: haul only renames finished files into place.
    #[default]
    Skip,
    /// The new file replaces the old one if the server says that it has another.
    Update,
}

/// What is under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// A symbolic link that leads to nothing.
    Dangling,
    /// A device, a FIFO or a socket.
    Device,
    /// A file without content, which is never taken as complete.
    Empty,
    /// A file with content, or a symbolic link to one.
    File,
    /// A folder.
    Folder,
    /// Nothing.
    Nothing,
}

/// What happens with a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Write there; nothing may be there when the file is complete.
    Create,
    /// The job fails because a file exists.
    Exists,
    /// The job fails because what is there is no file: its description.
    NotAFile(&'static str),
    /// Take the next free number.
    Renumber,
    /// Write beside it and replace it when the file is complete.
    Replace,
    /// Nothing is to be done.
    Skip,
    /// Ask the server whether it has another; then write beside it and replace it.
    Update,
    /// Write into it as it is: a device that the user named.
    WriteInto,
}

/// Who chose a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// The server, which never gets to replace a file.
    Server,
    /// The URL that the user gave.
    Url,
    /// The user, in so many words (`--output`).
    User,
}

/// Decides what happens with a destination under which `presence` was found.
pub fn admit(presence: Presence, wish: IfExists, named_by: NamedBy) -> Admission {
    match (presence, wish) {
        (Presence::Nothing, _) => Admission::Create,
        (Presence::Device, _) if named_by == NamedBy::User => Admission::WriteInto,
        (_, IfExists::Rename) => Admission::Renumber,
        (Presence::Folder, _) => Admission::NotAFile("a folder"),
        (Presence::Device, _) => Admission::NotAFile("a device"),
        (Presence::Dangling, IfExists::Skip) => Admission::NotAFile("a symbolic link to nothing"),
        (Presence::Empty, IfExists::Skip) if named_by != NamedBy::Server => Admission::Replace,
        (_, IfExists::Overwrite | IfExists::Update) if named_by == NamedBy::Server => {
            Admission::Renumber
        }
        (Presence::File, IfExists::Update) => Admission::Update,
        (_, IfExists::Overwrite | IfExists::Update) => Admission::Replace,
        (_, IfExists::Error) => Admission::Exists,
        (Presence::File | Presence::Empty, IfExists::Skip) => Admission::Skip,
    }
}

#[cfg(test)]
mod tests {
    use super::Admission::{Create, Exists, NotAFile, Renumber, Replace, Skip, Update, WriteInto};
    use super::*;

    #[test]
    fn every_wish_meets_every_presence() {
        #[track_caller]
        fn case(
            presence: Presence,
            by: NamedBy,
            wishes: [IfExists; 5],
            admissions: [Admission; 5],
        ) {
            assert_eq!(wishes.map(|wish| admit(presence, wish, by)), admissions, "{presence:?}");
        }
        let wishes = [
            IfExists::Skip,
            IfExists::Overwrite,
            IfExists::Rename,
            IfExists::Error,
            IfExists::Update,
        ];
        let folder = NotAFile("a folder");
        let device = NotAFile("a device");
        let dangling = NotAFile("a symbolic link to nothing");
        case(Presence::Nothing, NamedBy::Url, wishes, [Create; 5]);
        case(Presence::File, NamedBy::Url, wishes, [Skip, Replace, Renumber, Exists, Update]);
        case(Presence::Empty, NamedBy::Url, wishes, [Replace, Replace, Renumber, Exists, Replace]);
        case(Presence::Folder, NamedBy::Url, wishes, [folder, folder, Renumber, folder, folder]);
        case(Presence::Device, NamedBy::Url, wishes, [device, device, Renumber, device, device]);
        case(Presence::Device, NamedBy::User, wishes, [WriteInto; 5]);
        case(
            Presence::Dangling,
            NamedBy::Url,
            wishes,
            [dangling, Replace, Renumber, Exists, Replace],
        );
        case(Presence::File, NamedBy::Server, wishes, [Skip, Renumber, Renumber, Exists, Renumber]);
        case(
            Presence::Empty,
            NamedBy::Server,
            wishes,
            [Skip, Renumber, Renumber, Exists, Renumber],
        );
    }
}
