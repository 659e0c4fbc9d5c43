//! What comes from plugins and from files: libraries, descriptions, frames, paths, tables.

use std::io::{Read as _, Write as _};
use std::sync::LazyLock;

use rustix::fs::Mode;
use serde_json::Value;
use tempfile::TempDir;
use yizhan_plugin_host::{InputSchema, border};
use yizhan_plugin_roots::{Put, RootFolders, Roots, put};

/// A library's file, of which nothing is run.
pub(crate) fn note(bytes: &[u8]) {
    if let Ok(id) = border::note(bytes) {
        assert!(!id.is_empty() && id.len() <= 128, "{id:?}");
    }
}

/// A description on the first line; on the second a document that its first schema is held against.
pub(crate) fn description(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (described, input) = text.split_once('\n').unwrap_or((text, "{}"));
    drop(border::description(described.as_bytes()));
    let value: Value = serde_json::from_str(described).unwrap_or_default();
    let action = value["actions"].as_object().and_then(|actions| actions.values().next());
    let schema = action.map_or(&value, |action| &action["input"]);
    if let Some(schema) = InputSchema::compile(schema) {
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(input).is_ok();
        let mismatch = schema.mismatch(input);
        assert!(is_json || mismatch.is_some(), "`{input}` is no JSON and taken");
    }
}

/// The same frames come out whatever the pieces are that they come in.
pub(crate) fn frame(bytes: &[u8]) {
    let Some((piece, bytes)) = bytes.split_first() else { return };
    let whole = border::frames(bytes, usize::MAX);
    assert_eq!(border::frames(bytes, usize::from(*piece)), whole);
    let (Ok(heard) | Err((heard, _))) = whole;
    let carried: usize = heard.iter().map(|(.., payload)| 16 + payload.len()).sum();
    assert!(carried <= bytes.len(), "{carried} of {}", bytes.len());
}

/// Two roots with something beside them that no path may touch.
struct Disk {
    folder: TempDir,
    roots: Roots,
}

const CANARY: &str = "nobody's";

static DISK: LazyLock<std::io::Result<Disk>> = LazyLock::new(|| {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    for name in ["one/inner", "two", "beside"] {
        std::fs::create_dir_all(at(name))?;
    }
    std::fs::write(at("beside/canary"), CANARY)?;
    std::fs::write(at("canary"), CANARY)?;
    std::os::unix::fs::symlink(at("beside"), at("one/out"))?;
    std::os::unix::fs::symlink("../canary", at("two/link"))?;
    let folders = ["one", "two"].map(|name| (name.to_owned(), at(name).display().to_string()));
    let roots =
        Roots::open(&RootFolders(folders.to_vec())).map_err(|error| std::io::Error::other(error.message))?;
    Ok(Disk { folder, roots })
});

/// A path, and on the next line one below it: what is written there is below its root, and nothing beside changes.
pub(crate) fn path(bytes: &[u8]) {
    let (Ok(text), Ok(disk)) = (std::str::from_utf8(bytes), &*DISK) else { return };
    let (path, below) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(place) = disk.roots.place(path) else { return };
    let shown = disk.roots.place(place.path()).map(|again| again.path().to_owned());
    assert_eq!(shown.ok().as_deref(), Some(place.path()), "`{path}` is told as another");
    let place = if below.is_empty() { Ok(place) } else { place.below(below) };
    let Ok(place) = place else { return };
    let mark = b"written";
    let Ok(spot) = place.spot_made() else { return };
    let fill = |file: &mut std::fs::File| Ok(file.write_all(mark).is_ok());
    if put(&spot, "key", Put::Replace, Mode::RUSR | Mode::WUSR, fill).is_ok() {
        let mut read = Vec::new();
        let file = place.read();
        assert!(file.is_ok_and(|mut file| file.read_to_end(&mut read).is_ok()), "`{text}` is not read");
        assert_eq!(read, mark, "`{text}`");
        let kept = rustix::fs::unlinkat(&spot.folder, spot.name.as_str(), rustix::fs::AtFlags::empty());
        assert!(kept.is_ok(), "`{text}` is not where it was put");
    }
    for canary in ["canary", "beside/canary"] {
        let there = std::fs::read_to_string(disk.folder.path().join(canary));
        assert!(there.is_ok_and(|there| there == CANARY), "`{text}` changed `{canary}`");
    }
    let beside = std::fs::read_dir(disk.folder.path().join("beside")).map(Iterator::count);
    assert!(beside.is_ok_and(|count| count == 1), "`{text}` left something beside the roots");
    sweep(disk);
}

/// Folders that a path made; the disk stays small.
fn sweep(disk: &Disk) {
    for root in ["one", "two"] {
        for entry in std::fs::read_dir(disk.folder.path().join(root)).into_iter().flatten().flatten() {
            let keeps = ["inner", "out", "link"].iter().any(|name| entry.file_name() == *name);
            if !keeps && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                drop(std::fs::remove_dir_all(entry.path()));
            }
        }
    }
}

/// A spreadsheet that somebody sends.
pub(crate) fn sheet(bytes: &[u8]) {
    if let Ok(sheet) = yizhan_cells::sheet(bytes, None, 1_000) {
        assert!(sheet.lines.len() <= 1_000);
    }
}
