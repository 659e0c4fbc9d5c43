//! Which names a path may consist of.

use yizhan_plugin_api::prelude::{Error, Result};

/// What Linux takes for one name, in bytes.
const NAME_MAX: usize = 255;
const PATH_MAX: usize = 4000;
const DEPTH_MAX: usize = 64;

/// The ends of the names that plugins give their own files; nobody else may use them.
const OWN_ENDS: [&str; 3] = [".yzkey", ".yzlog", ".yztmp"];

/// Files that plugins keep beside the files of people: they are neither listed nor archived.
#[must_use]
pub fn is_own_name(name: &str) -> bool {
    name.starts_with('.') && OWN_ENDS.iter().any(|end| name.ends_with(end))
}

/// Takes `path` apart, and refuses what leads out or deceives the reader. `.` and double slashes fall away.
pub(crate) fn parts(path: &str) -> Result<Vec<&str>> {
    let refuse = |why: &str| Err(outside(path, why));
    if path.starts_with('/') {
        return refuse("it is absolute");
    }
    if path.len() > PATH_MAX {
        return Err(bad(path, "it is too long"));
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return refuse("it goes up by `..`"),
            _ => {
                check(path, part)?;
                parts.push(part);
            }
        }
    }
    if parts.len() > DEPTH_MAX {
        return Err(bad(path, "it has too many folders in each other"));
    }
    Ok(parts)
}

fn check(path: &str, part: &str) -> Result<()> {
    if part.len() > NAME_MAX {
        return Err(bad(path, "one of its names is longer than 255 bytes (85 Chinese characters)"));
    }
    if part.chars().any(char::is_control) {
        return Err(bad(path, "it has a line end or another control character in it"));
    }
    if part.chars().any(is_deceiving) {
        return Err(bad(path, "it has an invisible character in it that changes how the name reads"));
    }
    // On a shared folder Windows reads it as `/`.
    if part.contains('\\') {
        return Err(bad(path, "it has a backslash in it; folders are written with `/`"));
    }
    if part.trim().is_empty() {
        return Err(bad(path, "one of its names is blank"));
    }
    if part.chars().all(|c| c == '.') {
        return Err(outside(path, "a name of dots alone leads elsewhere on some systems"));
    }
    if is_own_name(part) {
        return Err(bad(path, "names that end with `.yzlog` and `.yztmp` belong to the plugin itself"));
    }
    Ok(())
}

/// Marks that turn the direction of the text around, and blanks of no width.
fn is_deceiving(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

pub(crate) fn outside(path: &str, why: &str) -> Error {
    Error::refused("file.outside_root", format!("`{}` is not below a root: {why}", shown(path)))
        .help("write the path from the root on, as in `reports/2026.csv`; other folders are set in `roots`")
}

pub(crate) fn bad(path: &str, why: &str) -> Error {
    Error::refused("file.bad_name", format!("`{}` cannot be a file's name: {why}", shown(path)))
        .help("take such characters out of the value that the name is made of")
}

/// A hostile path must not spoil the line it is told in.
pub(crate) fn shown(path: &str) -> String {
    let mut shown: String = path.chars().take(200).flat_map(char::escape_debug).collect();
    if path.chars().nth(200).is_some() {
        shown.push('…');
    }
    shown
}
