//! Lists the message files, so that a page that is added is compiled in without a list to keep.

use std::fmt::Write as _;
use std::{env, fs, io, path::Path};

fn main() -> io::Result<()> {
    let setting = |name: &str| env::var_os(name).ok_or_else(|| io::Error::other(name.to_owned()));
    let root = setting("CARGO_MANIFEST_DIR")?;
    let out = setting("OUT_DIR")?;
    let mut code = String::from("&[\n");
    for language in ["en", "zh"] {
        let folder = Path::new(&root).join("messages").join(language);
        println!("cargo::rerun-if-changed={}", folder.display());
        let mut names: Vec<String> = fs::read_dir(&folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<_>>()?;
        names.sort();
        for name in names.iter().filter_map(|name| name.strip_suffix(".md")) {
            let path = folder.join(format!("{name}.md"));
            println!("cargo::rerun-if-changed={}", path.display());
            writeln!(code, "({language:?}, {name:?}, include_str!({:?})),", path.display().to_string())
                .map_err(io::Error::other)?;
        }
    }
    code.push(']');
    fs::write(Path::new(&out).join("messages.rs"), code)
}
