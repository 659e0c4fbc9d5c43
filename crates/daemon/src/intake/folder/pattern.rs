//! Which files a pattern means: `inbox/orders/*.csv`, below the home and in no folder of what was dealt with.

use std::path::{Path, PathBuf};

/// Folders where dealt-with files lie, and the ending of the notes beside them.
pub(super) const DONE: &str = "done";
pub(super) const FAILED: &str = "failed";

/// The folder before the first part with a wildcard.
pub(super) fn fixed(pattern: &str) -> PathBuf {
    let parts: Vec<&str> = pattern.split('/').collect();
    let folders = &parts[..parts.len().saturating_sub(1)];
    folders.iter().take_while(|part| !is_wild(part)).collect()
}

fn is_wild(part: &str) -> bool {
    part.contains(['*', '?'])
}

/// The files that are there now, in order. Links lead out of the folder, so they are not followed.
pub(super) fn find(work: &Path, pattern: &str) -> Vec<PathBuf> {
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let Some((file, folders)) = parts.split_last() else { return Vec::new() };
    let mut places = vec![work.to_owned()];
    for part in folders {
        places = places.iter().flat_map(|place| inside(place, part, true)).collect();
    }
    let mut files: Vec<PathBuf> = places.iter().flat_map(|place| inside(place, file, false)).collect();
    files.sort();
    files
}

fn inside(folder: &Path, part: &str, folders: bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let fits = |entry: &std::fs::DirEntry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let dealt_with = folders && is_wild(part) && (name == DONE || name == FAILED);
        let kind = entry.file_type().is_ok_and(|kind| if folders { kind.is_dir() } else { kind.is_file() });
        kind && !dealt_with && !name.starts_with('.') && matches(part, &name)
    };
    entries.filter(fits).map(|entry| entry.path()).collect()
}

/// `*` is any number of characters, `?` is one. Without regard to the case of ASCII: `A.CSV` is a csv too.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut here) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while here < name.len() {
        if at < pattern.len()
            && (pattern[at] == '?' || pattern[at].eq_ignore_ascii_case(&name[here]))
            && pattern[at] != '*'
        {
            (at, here) = (at + 1, here + 1);
        } else if at < pattern.len() && pattern[at] == '*' {
            star = Some((at, here));
            at += 1;
        } else if let Some((place, eaten)) = star {
            // The last star takes one more.
            star = Some((place, eaten + 1));
            (at, here) = (place + 1, eaten + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_mean_what_they_mean_everywhere() {
        for (pattern, name, fits) in [
            ("*.csv", "订单.csv", true),
            ("*.csv", "a.CSV", true),
            ("*.csv", "a.csv.part", false),
            ("*", "anything", true),
            ("a?.json", "a1.json", true),
            ("a?.json", "a12.json", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "ab", true),
            ("*a*b", "ba", false),
            ("a.csv", "b.csv", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn hidden_files_links_and_what_was_dealt_with_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let work = folder.path();
        for path in [
            "inbox/a/1.csv",
            "inbox/b/2.csv",
            "inbox/done/3.csv",
            "inbox/failed/4.csv",
            "inbox/a/.5.csv",
            "6.csv",
        ] {
            std::fs::create_dir_all(work.join(path).parent().unwrap()).unwrap();
            std::fs::write(work.join(path), "").unwrap();
        }
        std::os::unix::fs::symlink(work.join("6.csv"), work.join("inbox/a/7.csv")).unwrap();
        assert_eq!(find(work, "inbox/*/*.csv"), [work.join("inbox/a/1.csv"), work.join("inbox/b/2.csv")]);
        assert_eq!(find(work, "inbox/nowhere/*.csv"), Vec::<PathBuf>::new());
        assert_eq!(fixed("inbox/orders/*.csv"), Path::new("inbox/orders"));
        assert_eq!(fixed("inbox/*/x.csv"), Path::new("inbox"));
        assert_eq!(fixed("*.csv"), Path::new(""));
    }
}
