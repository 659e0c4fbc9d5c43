//! What pages load beside themselves: one stylesheet, two small scripts that keep a page as things stand, one that sends its
//! forms, one that looks for the same case before a new one is sent, and one that names the files chosen in a form. An
//! address names the bytes, so a browser keeps them for ever and has new ones with the next daemon.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::body::{Asked, Named};
use crate::refusal::Refusal;

struct Asset {
    name: &'static str,
    media: &'static str,
    text: &'static str,
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

const ALL: [Asset; 6] = [
    Asset { name: "page.css", media: CSS, text: include_str!("assets/page.css") },
    Asset { name: "idiomorph.js", media: SCRIPT, text: include_str!("assets/idiomorph.min.js") },
    Asset { name: "live.js", media: SCRIPT, text: include_str!("assets/live.js") },
    Asset { name: "same.js", media: SCRIPT, text: include_str!("assets/same.js") },
    Asset { name: "send.js", media: SCRIPT, text: include_str!("assets/send.js") },
    Asset { name: "files.js", media: SCRIPT, text: include_str!("assets/files.js") },
];

/// Figures of the hash of each.
static VERSIONS: LazyLock<[String; 6]> = LazyLock::new(|| {
    let version = |asset: &Asset| -> String {
        Sha256::digest(asset.text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    };
    ALL.each_ref().map(version)
});

fn found(name: &str) -> Option<(&'static Asset, &'static str)> {
    ALL.iter().zip(VERSIONS.iter()).find(|(asset, _)| asset.name == name).map(|(asset, one)| (asset, &**one))
}

/// `live.js?v=…`, below `assets/`.
pub(super) fn named(name: &'static str) -> String {
    found(name).map_or_else(|| name.to_owned(), |(_, version)| format!("{name}?v={version}"))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Version {
    v: String,
}

pub(crate) async fn serve(
    Named(name): Named<String>,
    Asked(asked): Asked<Version>,
) -> Result<Response, Refusal> {
    let none = || Refusal::NoSuchPage(format!("/assets/{}", name.chars().take(100).collect::<String>()));
    let (asset, version) = found(&name).ok_or_else(none)?;
    // Of a page that another daemon made: it gets what there is, and asks again soon.
    let kept =
        if asked.v == version { "public, max-age=31536000, immutable" } else { "public, max-age=3600" };
    let headers = [
        (header::CONTENT_TYPE, asset.media),
        (header::CACHE_CONTROL, kept),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, asset.text).into_response())
}
