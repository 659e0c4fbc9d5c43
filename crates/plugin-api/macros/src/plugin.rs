//! `#[plugin]`: what goes into the note.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, ItemStruct, LitStr, Result, Token, parenthesized};

struct Arguments {
    id: LitStr,
    capabilities: Vec<String>,
    requires: Vec<String>,
}

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let arguments: Arguments = syn::parse2(arguments)?;
    let item: ItemStruct = syn::parse2(item)?;
    let name = &item.ident;
    let Arguments { id, capabilities, requires } = &arguments;
    Ok(quote! {
        #item

        impl ::yizhan_plugin_api::sdk::Manifest for #name {
            const ID: &'static str = #id;
            const VERSION: &'static str = ::core::env!("CARGO_PKG_VERSION");
            const CAPABILITIES: &'static [&'static str] = &[#(#capabilities),*];
            const REQUIRES: &'static [&'static str] = &[#(#requires),*];
        }
    })
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut id = None;
        let mut capabilities = Vec::new();
        let mut requires = Vec::new();
        while !input.is_empty() {
            let word: Ident = input.parse()?;
            match word.to_string().as_str() {
                "id" => {
                    input.parse::<Token![=]>()?;
                    id = Some(check_id(input.parse()?)?);
                }
                "capabilities" => {
                    let inner;
                    parenthesized!(inner in input);
                    for capability in Punctuated::<Capability, Token![,]>::parse_terminated(&inner)? {
                        requires.extend(capability.service.map(str::to_owned));
                        capabilities.push(capability.text);
                    }
                }
                "requires" => {
                    let inner;
                    parenthesized!(inner in input);
                    let services = Punctuated::<LitStr, Token![,]>::parse_terminated(&inner)?;
                    requires.extend(services.iter().map(LitStr::value));
                }
                _ => return Err(syn::Error::new(word.span(), "expected `id`, `capabilities` or `requires`")),
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        requires.sort();
        requires.dedup();
        let id = id.ok_or_else(|| input.error("a plugin needs an id: `#[plugin(id = \"hello\")]`"))?;
        Ok(Self { id, capabilities, requires })
    }
}

/// The id stands in workflows before the action's name, and in settings as a table.
fn check_id(id: LitStr) -> Result<LitStr> {
    let text = id.value();
    let fits = !text.is_empty()
        && text.split('.').all(|part| {
            part.starts_with(|c: char| c.is_ascii_lowercase())
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
        });
    if fits { Ok(id) } else { Err(syn::Error::new(id.span(), "an id is lower-case words joined by dots")) }
}

struct Capability {
    text: String,
    /// The host service it cannot do without.
    service: Option<&'static str>,
}

impl Parse for Capability {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let word: Ident = input.parse()?;
        let argument = if input.peek(syn::token::Paren) {
            let inner;
            parenthesized!(inner in input);
            Some(inner.parse::<LitStr>()?.value())
        } else {
            None
        };
        let (name, service) = match word.to_string().as_str() {
            "http" => ("http", Some("http/1")),
            "secret" => ("secret", Some("secret/1")),
            "net_direct" => ("net-direct", None),
            "fs_read" => ("fs.read", None),
            "fs_write" => ("fs.write", None),
            _ => {
                let known = "expected `http`, `secret`, `net_direct`, `fs_read` or `fs_write`";
                return Err(syn::Error::new(word.span(), known));
            }
        };
        let text = argument.map_or_else(|| name.to_owned(), |argument| format!("{name}:{argument}"));
        Ok(Self { text, service })
    }
}
