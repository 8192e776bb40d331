//! What follows when a file is not what it should be, and the digests of its pieces tell where.

/// How many holes the wrong pieces may make. Each is a request of its own; where there are more, all of the
/// file is sooner there.
const MAX_HOLES: usize = 64;

/// What is known of the file and of where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Whether bytes of it were fetched again already.
    pub is_again: bool,
    /// Whether what is right may be gone on with: it has a strong validator, and is a file.
    pub can_go_on: bool,
    /// Whether another mirror may be asked for the rest of this version.
    pub has_others: bool,
    /// How many holes are left where the wrong pieces were.
    pub holes: usize,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// All of the file is fetched again, once.
    All,
    /// The wrong pieces are fetched again from where the file came from, past all caches.
    Here,
    /// The attempt fails, and keeps what is right for one at another mirror, or for the next run.
    Pass,
}

/// Decides what follows.
pub fn next(known: Known) -> Next {
    let Known { is_again, can_go_on, has_others, holes } = known;
    if !can_go_on || holes > MAX_HOLES {
        Next::All
    } else if is_again || has_others {
        Next::Pass
    } else {
        Next::Here
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_pieces_are_fetched_again_once_and_first_from_elsewhere() {
        let known = Known { is_again: false, can_go_on: true, has_others: false, holes: 1 };
        assert_eq!(next(known), Next::Here);
        assert_eq!(next(Known { has_others: true, ..known }), Next::Pass);
        assert_eq!(next(Known { is_again: true, ..known }), Next::Pass);
        for known in [Known { can_go_on: false, ..known }, Known { holes: MAX_HOLES + 1, ..known }]
        {
            assert_eq!(next(known), Next::All);
            assert_eq!(next(Known { is_again: true, has_others: true, ..known }), Next::All);
        }
    }
}
