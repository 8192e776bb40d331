//! Failures of the disk that concern more than one job.

use std::io::ErrorKind;

use crate::model::error::Cause;

/// Returns whether nothing more can be written: the next job would fail the same way.
pub fn is_full(cause: &Cause) -> bool {
    match cause {
        Cause::Disk { source, .. } => matches!(
            source.kind(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem
        ),
        _ => false,
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
        assert!(is_full(&disk(ErrorKind::StorageFull)));
        assert!(is_full(&disk(ErrorKind::QuotaExceeded)));
        assert!(!is_full(&disk(ErrorKind::FileTooLarge)));
        assert!(!is_full(&disk(ErrorKind::PermissionDenied)));
    }
}
