//! Passwords: which will do, and how they are kept (argon2id, 19 MiB, two passes, the minimum that OWASP's "Password
//! Storage" names).

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};

/// In characters. NIST SP 800-63B asks for no fewer than eight, and for no rules about which.
const SHORTEST: usize = 10;
const LONGEST: usize = 200;

/// Why a password will not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("a password has at least {SHORTEST} characters")]
    Short,
    #[error("a password has at most {LONGEST} characters")]
    Long,
    #[error("a password is not the own name")]
    Name,
    #[error("this password is one of those that are guessed first")]
    Common,
}

/// Beginnings of what is guessed first; with figures behind them they are no better.
const COMMON: [&str; 14] = [
    "password", "passw0rd", "qwerty", "asdfgh", "1q2w3e", "abc123", "iloveyou", "admin", "welcome",
    "letmein", "woaini", "yizhan", "123456", "888888",
];

/// # Errors
/// Why it will not do for this person.
pub fn fit(password: &str, person: &str) -> Result<(), Unfit> {
    let length = password.chars().count();
    let lower = password.to_lowercase();
    let rest =
        |of: &str| lower.strip_prefix(of).map(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '!'));
    let few = lower.chars().collect::<std::collections::BTreeSet<_>>().len() < 4;
    match () {
        () if length < SHORTEST => Err(Unfit::Short),
        () if length > LONGEST => Err(Unfit::Long),
        () if rest(&person.to_lowercase()) == Some(true) => Err(Unfit::Name),
        () if few || COMMON.iter().any(|one| rest(one) == Some(true)) => Err(Unfit::Common),
        () => Ok(()),
    }
}

fn hasher() -> Argon2<'static> {
    // 19,456 KiB, 2 passes, 1 lane: what the crate's defaults are today, written down so that they stay.
    let params = Params::new(19_456, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// The text to keep: algorithm, costs, salt and hash in one line.
pub(crate) fn kept(password: &str, salt: &[u8; 16]) -> Option<String> {
    Some(hasher().hash_password_with_salt(password.as_bytes(), salt).ok()?.to_string())
}

/// Whether the password is the one kept. Without one the same work is done, so that time does not tell who has an account.
pub(crate) fn is(password: &str, kept: Option<&str>) -> bool {
    let nobody =
        "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let Ok(hash) = PasswordHash::new(kept.unwrap_or(nobody)) else { return false };
    let same = hasher().verify_password(password.as_bytes(), &hash).is_ok();
    same && kept.is_some()
}
