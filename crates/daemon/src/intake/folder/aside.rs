//! Where a dropped file goes once it is dealt with, and what is written beside it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use serde_json::Value;

use super::beneath::{Folder, with_ending};
use super::pattern::FAILED;
use super::take::{Bad, Taken};

/// A free name in `done/` or `failed/`.
struct Place {
    folder: Folder,
    name: OsString,
}

impl Place {
    /// `inbox/orders/a.csv` → `inbox/orders/done/a.csv`; a second one of the name gets a number.
    fn beside(folder: &Folder, name: &OsStr, aside: &str) -> io::Result<Self> {
        let folder = folder.make(OsStr::new(aside))?;
        let path = Path::new(name);
        let (stem, ending) = (path.file_stem().unwrap_or(name), path.extension());
        let numbered = |number: u32| {
            let mut name = with_ending(stem, &format!("-{number}"));
            if let Some(ending) = ending {
                name.push(".");
                name.push(ending);
            }
            name
        };
        let mut names = std::iter::once(name.to_owned()).chain((2..100_000).map(numbered));
        let name = names.find(|name| !folder.has(name));
        let name = name.ok_or_else(|| io::Error::other("too many files of this name"))?;
        Ok(Self { folder, name })
    }

    fn write(&self, ending: &str, content: &[u8]) -> io::Result<()> {
        self.folder.write_whole(&with_ending(&self.name, ending), content)
    }
}

pub(super) fn moved(home: &Path, path: &Path, aside: &str, why: Option<&str>) -> Taken {
    let moving = || {
        let (folder, name) = Folder::around(home, path)?;
        let place = Place::beside(&folder, name, aside)?;
        if let Some(why) = why {
            place.write(".reason.txt", format!("{why}\n").as_bytes())?;
        }
        folder.rename(name, (&place.folder, &place.name))?;
        // Both folders: or after a power cut it might be in none, or in both.
        place.folder.sync()?;
        folder.sync()
    };
    match moving() {
        Ok(()) => Taken::Done,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Taken::Done,
        Err(error) => {
            // It fires again at the next look, and its runs are found by its id.
            tracing::warn!(path = %path.display(), %error, "a dropped file cannot be moved");
            Taken::Later
        }
    }
}

/// The elements that started nothing, with the reason, where the file itself is done with.
pub(super) fn say_beside(home: &Path, path: &Path, elements: &[String]) -> io::Result<()> {
    let (folder, name) = Folder::around(home, path)?;
    let place = Place::beside(&folder, name, FAILED)?;
    place.write(".reason.txt", format!("{}\n", elements.join("\n")).as_bytes())
}

/// The rows that started nothing, with the reason, as a file that can be mended and dropped again.
pub(super) fn give_back(home: &Path, path: &Path, bad: &[Bad]) -> io::Result<()> {
    let (folder, name) = Folder::around(home, path)?;
    let place = Place::beside(&folder, name, FAILED)?;
    let mut names: Vec<&str> = Vec::new();
    for name in bad.iter().flat_map(|(_, row, _)| row.keys()) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(names.iter().copied().chain(["row", "reason"]))?;
    for (number, row, why) in bad {
        let cell = |name: &&str| match row.get(*name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let number = number.to_string();
        let cells: Vec<String> = names.iter().map(cell).chain([number, why.clone()]).collect();
        writer.write_record(&cells)?;
    }
    let text = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    let name = Path::new(&place.name).with_extension("csv");
    // With the mark at its begin an office program reads it as UTF-8.
    place.folder.write_whole(name.as_os_str(), &[b"\xef\xbb\xbf", text.as_slice()].concat())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use serde_json::{Map, json};

    use super::super::pattern::DONE;
    use super::*;

    fn inbox(files: &[&str]) -> (tempfile::TempDir, std::path::PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let inbox = home.path().join("inbox");
        std::fs::create_dir(&inbox).unwrap();
        files.iter().for_each(|name| std::fs::write(inbox.join(name), "k\n1\n").unwrap());
        (home, inbox)
    }

    #[test]
    fn what_is_dealt_with_is_moved_a_second_one_of_its_name_with_a_number_and_a_bad_one_with_the_reason() {
        let (home, inbox) = inbox(&["a.csv"]);
        let path = inbox.join("a.csv");
        assert_eq!(moved(home.path(), &path, DONE, None), Taken::Done);
        std::fs::write(&path, "k\n2\n").unwrap();
        assert_eq!(moved(home.path(), &path, DONE, None), Taken::Done);
        assert_eq!(std::fs::read_to_string(inbox.join("done/a.csv")).unwrap(), "k\n1\n");
        assert_eq!(std::fs::read_to_string(inbox.join("done/a-2.csv")).unwrap(), "k\n2\n");
        std::fs::write(&path, "k\n3\n").unwrap();
        assert_eq!(moved(home.path(), &path, FAILED, Some("it is bad")), Taken::Done);
        assert_eq!(std::fs::read_to_string(inbox.join("failed/a.csv.reason.txt")).unwrap(), "it is bad\n");
        assert!(!path.exists() && inbox.join("failed/a.csv").exists());
        assert_eq!(moved(home.path(), &path, DONE, None), Taken::Done, "it is gone");
    }

    #[test]
    fn rows_that_are_wrong_come_back_as_a_table_that_can_be_mended() {
        let (home, inbox) = inbox(&["a.xlsx"]);
        let row = Map::from_iter([("k".to_owned(), json!("1")), ("n".to_owned(), json!(7))]);
        give_back(home.path(), &inbox.join("a.xlsx"), &[(3, row, "no such k".to_owned())]).unwrap();
        let text = std::fs::read_to_string(inbox.join("failed/a.csv")).unwrap();
        assert_eq!(text, "\u{feff}k,n,row,reason\n1,7,3,no such k\n");
    }

    #[test]
    fn a_link_in_the_place_of_the_folder_leads_nothing_out_of_the_house() {
        let (home, inbox) = inbox(&["a.csv"]);
        let outside = tempfile::tempdir().unwrap();
        for aside in [DONE, FAILED] {
            symlink(outside.path(), inbox.join(aside)).unwrap();
        }
        let path = inbox.join("a.csv");
        assert_eq!(moved(home.path(), &path, DONE, None), Taken::Later);
        assert_eq!(moved(home.path(), &path, FAILED, Some("it is bad")), Taken::Later);
        say_beside(home.path(), &path, &["it is bad".to_owned()]).unwrap_err();
        assert!(path.exists() && std::fs::read_dir(outside.path()).unwrap().next().is_none());
    }
}
