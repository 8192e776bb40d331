//! Failures of the disk that concern more than one job.

use std::io::ErrorKind;

use crate::model::error::Cause;

/// Returns why nothing more can be written, if so: the next job would fail the same way.
pub fn of_all(cause: &Cause) -> Option<&'static str> {
    let Cause::Disk { source, .. } = cause else { return None };
    match source.kind() {
        ErrorKind::StorageFull => Some("the disk is full"),
        ErrorKind::QuotaExceeded => Some("the disk quota is used up"),
        ErrorKind::ReadOnlyFilesystem => Some("the file system is read-only"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_full_disk_is_full_for_all_and_a_large_file_only_for_itself() {
        let disk = |kind: ErrorKind| Cause::Disk {
            action: "write",
            path: PathBuf::from("x"),
            source: io::Error::from(kind),
        };
        let told = |kind| of_all(&disk(kind));
        assert_eq!(told(ErrorKind::StorageFull), Some("the disk is full"));
        assert_eq!(told(ErrorKind::QuotaExceeded), Some("the disk quota is used up"));
        assert_eq!(told(ErrorKind::ReadOnlyFilesystem), Some("the file system is read-only"));
        assert_eq!(told(ErrorKind::FileTooLarge), None);
        assert_eq!(told(ErrorKind::PermissionDenied), None);
    }
}
