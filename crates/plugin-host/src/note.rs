//! Reads what a library says of itself, and what it needs of the system, without running any of its code.

use serde::Deserialize;
use yizhan_plugin_api::abi::{YZ_ABI_MAJOR, YZ_ABI_MINOR, YZ_NOTE_NAME, YZ_NOTE_TYPE};

use crate::refusal::Fault;

/// The services behind `request`, with their versions.
pub(crate) const SERVICES: [&str; 6] = ["http/1", "secret/1", "artifact/1", "clock/1", "random/1", "log/1"];

const MACHINE: u16 = if cfg!(target_arch = "x86_64") {
    62
} else if cfg!(target_arch = "aarch64") {
    183
} else {
    0
};
const SHT_STRTAB_GNU_VERNEED: u32 = 0x6fff_fffe;
const PT_NOTE: u32 = 4;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Note {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) abi: Abi,
    #[serde(default)]
    pub(crate) requires: Vec<String>,
    #[serde(default)]
    pub(crate) capabilities: Vec<String>,
    pub(crate) actions: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Abi {
    pub(crate) major: u16,
    #[serde(default)]
    pub(crate) min: u16,
}

impl Note {
    fn name(&self) -> String {
        format!("{} {}", self.id, self.version)
    }

    /// Whether this host can serve the plugin at all.
    fn fits(&self) -> Result<(), Fault> {
        let offered = format!("{YZ_ABI_MAJOR}.{YZ_ABI_MINOR}");
        let Abi { major, min } = self.abi;
        if major < YZ_ABI_MAJOR {
            return Err(Fault::AbiTooOld { plugin: self.name(), major, offered });
        }
        if major > YZ_ABI_MAJOR || min > YZ_ABI_MINOR {
            return Err(Fault::AbiTooNew { plugin: self.name(), major, min, offered });
        }
        match self.requires.iter().find(|service| !SERVICES.contains(&service.as_str())) {
            Some(service) => Err(Fault::MissingService {
                plugin: self.name(),
                service: service.clone(),
                offered: SERVICES.join(", "),
            }),
            None => Ok(()),
        }
    }
}

/// The note of a library, checked against this host. The bytes are those that will be loaded.
pub(crate) fn read(file: &[u8]) -> Result<Note, Fault> {
    if file.get(..4) != Some(b"\x7fELF") {
        return Err(Fault::NotAPlugin);
    }
    let elf = Elf(file);
    let machine = elf.u16(18).unwrap_or(0);
    // Only little-endian 64-bit files can be read on; another one cannot run here anyway.
    let ours = file.get(4) == Some(&2) && file.get(5) == Some(&1);
    if !ours {
        return Err(wrong_arch(machine));
    }
    let document = elf.plugin_note().ok_or(Fault::NotAPlugin)?;
    if machine != MACHINE {
        return Err(wrong_arch(machine));
    }
    // A C string brings its end along.
    let document = &document[..document.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)];
    let note: Note = serde_json::from_slice(document).map_err(|error| Fault::BadNote(error.to_string()))?;
    if note.id.is_empty() || note.id.len() > 128 {
        return Err(Fault::BadNote("its id is empty or too long".to_owned()));
    }
    note.fits()?;
    elf.glibc_fits()?;
    Ok(note)
}

fn wrong_arch(machine: u16) -> Fault {
    let theirs = match machine {
        3 => "x86".to_owned(),
        40 => "arm".to_owned(),
        62 => "x86_64".to_owned(),
        183 => "aarch64".to_owned(),
        243 => "riscv64".to_owned(),
        other => format!("ELF machine {other}"),
    };
    Fault::WrongArch { theirs, ours: std::env::consts::ARCH }
}

/// A 64-bit little-endian ELF file; every offset in it may be a lie.
struct Elf<'a>(&'a [u8]);

impl<'a> Elf<'a> {
    fn bytes<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..at.checked_add(N)?)?.try_into().ok()
    }

    fn u16(&self, at: usize) -> Option<u16> {
        self.bytes(at).map(u16::from_le_bytes)
    }

    fn u32(&self, at: usize) -> Option<u32> {
        self.bytes(at).map(u32::from_le_bytes)
    }

    fn word(&self, at: usize) -> Option<usize> {
        usize::try_from(u64::from_le_bytes(self.bytes(at)?)).ok()
    }

    /// The offsets of a table's rows.
    fn rows(&self, table: usize, size: u16, count: u16) -> impl Iterator<Item = usize> {
        (0..usize::from(count)).filter_map(move |row| table.checked_add(row * usize::from(size)))
    }

    fn plugin_note(&self) -> Option<&'a [u8]> {
        let segments = self.rows(self.word(32)?, self.u16(54)?, self.u16(56)?);
        let mut notes = segments.filter(|at| self.u32(*at) == Some(PT_NOTE));
        notes.find_map(|at| {
            let from = self.word(at + 8)?;
            let length = self.word(at + 32)?;
            find_note(self.0.get(from..from.checked_add(length)?)?)
        })
    }

    fn glibc_fits(&self) -> Result<(), Fault> {
        let present = glibc_present();
        let needed = self.glibc_needed().into_iter().max();
        match (needed, present) {
            (Some(needed), Some(present)) if needed > present => Err(Fault::GlibcTooNew {
                needed: format!("{}.{}", needed.0, needed.1),
                present: format!("{}.{}", present.0, present.1),
            }),
            _ => Ok(()),
        }
    }

    /// Every version of glibc that a symbol asks for.
    fn glibc_needed(&self) -> Vec<(u32, u32)> {
        self.version_needs().unwrap_or_default().iter().filter_map(|name| parse_glibc(name)).collect()
    }

    /// The names in `.gnu.version_r`. Both chains are bounded by the file's length, whatever they say.
    fn version_needs(&self) -> Option<Vec<&'a str>> {
        let (table, size, count) = (self.word(40)?, self.u16(58)?, self.u16(60)?);
        let section = self
            .rows(table, size, count)
            .find(|at| at.checked_add(4).and_then(|kind| self.u32(kind)) == Some(SHT_STRTAB_GNU_VERNEED))?;
        let strings = self.rows(table, size, count).nth(usize::try_from(self.u32(section + 40)?).ok()?)?;
        let strings = self.word(strings + 24)?;
        let mut names = Vec::new();
        let mut need = self.word(section + 24)?;
        for _ in 0..1024 {
            let mut aux = need.checked_add(usize::try_from(self.u32(need + 8)?).ok()?)?;
            for _ in 0..self.u16(need + 2)? {
                let name = strings.checked_add(usize::try_from(self.u32(aux + 8)?).ok()?)?;
                names.extend(self.text(name));
                aux = aux.checked_add(usize::try_from(self.u32(aux + 12)?).ok()?)?;
            }
            match self.u32(need + 12)? {
                0 => break,
                next => need = need.checked_add(usize::try_from(next).ok()?)?,
            }
        }
        Some(names)
    }

    fn text(&self, at: usize) -> Option<&'a str> {
        let rest = self.0.get(at..)?;
        let end = rest.iter().take(256).position(|byte| *byte == 0)?;
        std::str::from_utf8(&rest[..end]).ok()
    }
}

/// Walks the notes of one segment. Ours is aligned to words.
fn find_note(mut notes: &[u8]) -> Option<&[u8]> {
    loop {
        let word = |at: usize| -> Option<usize> {
            let bytes = notes.get(at..at + 4)?.try_into().ok()?;
            usize::try_from(u32::from_le_bytes(bytes)).ok()
        };
        let (name_len, len, kind) = (word(0)?, word(4)?, word(8)?);
        let from = 12usize.checked_add(name_len.checked_next_multiple_of(4)?)?;
        let end = from.checked_add(len)?;
        let name = notes.get(12..12usize.checked_add(name_len)?)?;
        if name == YZ_NOTE_NAME && u32::try_from(kind) == Ok(YZ_NOTE_TYPE) {
            return notes.get(from..end);
        }
        notes = notes.get(end.checked_next_multiple_of(4)?..)?;
    }
}

fn parse_glibc(name: &str) -> Option<(u32, u32)> {
    let mut parts = name.strip_prefix("GLIBC_")?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(target_env = "gnu")]
fn glibc_present() -> Option<(u32, u32)> {
    #![expect(unsafe_code, reason = "asks libc for its version")]
    // SAFETY: takes nothing and gives back a static C string.
    let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
    parse_glibc(&format!("GLIBC_{}", version.to_str().ok()?))
}

#[cfg(not(target_env = "gnu"))]
fn glibc_present() -> Option<(u32, u32)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(name: &[u8], document: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [name.len(), document.len(), 1] {
            bytes.extend_from_slice(&u32::try_from(word).unwrap().to_le_bytes());
        }
        for part in [name, document] {
            bytes.extend_from_slice(part);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    #[test]
    fn our_note_is_found_behind_others() {
        let mut notes = note(b"GNU\0", b"whatever");
        notes.extend(note(YZ_NOTE_NAME, b"{}"));
        assert_eq!(find_note(&notes), Some(&b"{}"[..]));
    }

    #[test]
    fn a_note_that_says_it_is_longer_than_the_file_is_none() {
        let mut notes = note(YZ_NOTE_NAME, b"{}");
        notes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(find_note(&notes), None);
    }

    #[test]
    fn no_bytes_make_the_reader_panic() {
        let mut file = b"\x7fELF\x02\x01\x01\0".to_vec();
        file.resize(64, 0xff);
        assert_eq!(read(&file), Err(Fault::NotAPlugin));
        for cut in 0..file.len() {
            assert!(read(&file[..cut]).is_err());
        }
    }

    #[test]
    fn a_text_file_is_not_a_plugin() {
        assert_eq!(read(b"hello"), Err(Fault::NotAPlugin));
    }

    fn needing(abi: &str, requires: &str) -> Result<(), Fault> {
        let text =
            format!(r#"{{"id":"x","version":"2.0.0","abi":{abi},"requires":{requires},"actions":[]}}"#);
        serde_json::from_str::<Note>(&text).unwrap().fits()
    }

    #[test]
    fn a_plugin_is_taken_by_the_least_abi_it_needs_not_by_the_one_it_was_built_with() {
        assert_eq!(needing(r#"{"major":1,"min":0,"built":7}"#, "[]"), Ok(()));
        let newer = needing(r#"{"major":1,"min":4}"#, "[]").unwrap_err();
        assert_eq!(newer.code(), "plugin.abi_too_new");
        assert_eq!(newer.to_string(), "x 2.0.0 needs plugin ABI 1.4 or later, this yizhan offers 1.0");
        assert_eq!(needing(r#"{"major":2}"#, "[]").unwrap_err().code(), "plugin.abi_too_new");
        assert_eq!(needing(r#"{"major":0}"#, "[]").unwrap_err().code(), "plugin.abi_too_old");
    }

    #[test]
    fn a_service_that_is_not_offered_is_named() {
        let fault = needing(r#"{"major":1}"#, r#"["http/1","kv/2"]"#).unwrap_err();
        assert_eq!(fault.code(), "plugin.missing_service");
        assert!(fault.to_string().contains("`kv/2`"), "{fault}");
    }

    #[test]
    fn versions_of_glibc_compare_as_numbers() {
        assert!(parse_glibc("GLIBC_2.38") > parse_glibc("GLIBC_2.4"));
        assert_eq!(parse_glibc("GCC_3.0"), None);
    }
}
