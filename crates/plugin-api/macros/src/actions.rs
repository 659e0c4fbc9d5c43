//! `#[actions]`: the table of actions, the note and the entry symbol.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::spanned::Spanned;
use syn::{
    Attribute, Expr, FnArg, GenericArgument, Ident, ImplItem, ImplItemFn, ItemImpl, Lit, LitStr, Meta,
    PathArguments, Result, ReturnType, Type,
};

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(syn::Error::new(arguments.span(), "`#[actions]` takes no arguments"));
    }
    let mut block: ItemImpl = syn::parse2(item)?;
    let plugin = (*block.self_ty).clone();
    let mut actions = Vec::new();
    let mut new = None;
    for item in &mut block.items {
        let ImplItem::Fn(function) = item else { continue };
        if let Some(action) = Action::take(function)? {
            actions.push(action);
        } else if function.sig.ident == "new" {
            new = Some(call_new(function)?);
        }
    }
    let new =
        new.ok_or_else(|| syn::Error::new(block.self_ty.span(), "the block needs `fn new(config, host)`"))?;
    let implementation = implement(&plugin, &new, &actions);
    let border = border(&plugin, &actions);
    Ok(quote! { #block #implementation #border })
}

/// How `new` is called, and the type of its settings.
struct New {
    config: TokenStream,
    call: TokenStream,
}

fn call_new(function: &ImplItemFn) -> Result<New> {
    let mut types = function.sig.inputs.iter().map(|argument| match argument {
        FnArg::Typed(typed) => Ok(&*typed.ty),
        FnArg::Receiver(receiver) => {
            Err(syn::Error::new(receiver.span(), "`new` makes the plugin, it has no self"))
        }
    });
    let config = types.next().transpose()?;
    let host = types.next().transpose()?;
    let call = match (config, host) {
        (None, _) => quote!(Self::new()),
        (Some(_), None) => quote!(Self::new(config)),
        (Some(_), Some(_)) => quote!(Self::new(config, host)),
    };
    let config = config.map_or_else(|| quote!(::yizhan_plugin_api::sdk::NoConfig), |config| quote!(#config));
    Ok(New { config, call })
}

struct Action {
    method: Ident,
    name: String,
    summary: String,
    effect: &'static str,
    place: Place,
    cooperative: bool,
    timeout_s: Option<f64>,
    grace_s: Option<f64>,
    outcome: Option<LitStr>,
    examples: Vec<LitStr>,
    input: Type,
    output: Type,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Inline,
    Blocking,
    Async,
}

impl Action {
    /// Takes `#[action]` off a method; `None` where there is none.
    fn take(function: &mut ImplItemFn) -> Result<Option<Self>> {
        let Some(at) = function.attrs.iter().position(|attribute| attribute.path().is_ident("action")) else {
            return Ok(None);
        };
        let attribute = function.attrs.remove(at);
        let is_async = function.sig.asyncness.is_some();
        let (input, output) = types(function)?;
        let mut action = Self {
            method: function.sig.ident.clone(),
            name: function.sig.ident.to_string(),
            summary: summary(&function.attrs),
            effect: "",
            place: Place::Async,
            cooperative: false,
            timeout_s: None,
            grace_s: None,
            outcome: None,
            examples: Vec::new(),
            input,
            output,
        };
        let mut place = None;
        attribute.parse_nested_meta(|meta| {
            let word = meta.path.require_ident()?.to_string();
            match word.as_str() {
                "pure" => action.effect = "Pure",
                "idempotent" => action.effect = "Idempotent",
                "keyed" => action.effect = "Keyed",
                "once" => action.effect = "Once",
                "blocking" => place = Some(Place::Blocking),
                "inline" => place = Some(Place::Inline),
                "cooperative" => action.cooperative = true,
                "timeout" => action.timeout_s = Some(seconds(&meta.value()?.parse()?)?),
                "grace" => action.grace_s = Some(seconds(&meta.value()?.parse()?)?),
                "outcome" => action.outcome = Some(meta.value()?.parse()?),
                "example" => action.examples.push(meta.value()?.parse()?),
                "name" => action.name = meta.value()?.parse::<LitStr>()?.value(),
                _ => return Err(meta.error("unknown argument of `#[action]`")),
            }
            Ok(())
        })?;
        action.place = choose(is_async, place, function.sig.ident.span())?;
        if action.effect.is_empty() {
            let say = "say what may be done when an attempt's end is unknown: `pure`, `idempotent`, `keyed` or `once`";
            return Err(syn::Error::new(attribute.span(), say));
        }
        Ok(Some(action))
    }

    fn spec(&self) -> TokenStream {
        let Self { method, name, summary, cooperative, examples, input, output, .. } = self;
        let effect = Ident::new(self.effect, Span::call_site());
        let timeout_s = option(self.timeout_s);
        let grace_s = option(self.grace_s);
        let outcome = option(self.outcome.as_ref());
        let private = quote!(::yizhan_plugin_api::sdk::private);
        let run = match self.place {
            Place::Inline | Place::Blocking => {
                let kind = if self.place == Place::Inline { quote!(Inline) } else { quote!(Blocking) };
                quote!(::yizhan_plugin_api::sdk::Run::#kind(|plugin, ctx, input| {
                    #private::encode(&plugin.#method(ctx, #private::decode(input)?)?)
                }))
            }
            Place::Async => quote!(::yizhan_plugin_api::sdk::Run::Async(|plugin, ctx, input| {
                #private::Box::pin(async move {
                    #private::encode(&plugin.#method(ctx, #private::decode(&input)?).await?)
                })
            })),
        };
        quote! {
            ::yizhan_plugin_api::sdk::ActionSpec {
                name: #name,
                summary: #summary,
                effect: ::yizhan_plugin_api::sdk::Effect::#effect,
                timeout_s: #timeout_s,
                grace_s: #grace_s,
                outcome: #outcome,
                examples: &[#(#examples),*],
                cooperative: #cooperative,
                input: #private::input_schema::<#input>,
                output: #private::output_schema::<#output>,
                run: #run,
            }
        }
    }
}

fn option<T: quote::ToTokens>(value: Option<T>) -> TokenStream {
    value.map_or_else(
        || quote!(::core::option::Option::None),
        |value| quote!(::core::option::Option::Some(#value)),
    )
}

fn choose(is_async: bool, place: Option<Place>, at: Span) -> Result<Place> {
    match (is_async, place) {
        (true, None) => Ok(Place::Async),
        (true, Some(_)) => Err(syn::Error::new(at, "an async action is neither `blocking` nor `inline`")),
        (false, Some(place)) => Ok(place),
        (false, None) => Err(syn::Error::new(
            at,
            "an action that is not async is `blocking` (it may wait) or `inline` (it never does)",
        )),
    }
}

/// The types of `input` and of what is inside `Result`.
fn types(function: &ImplItemFn) -> Result<(Type, Type)> {
    let shape = "an action is `fn name(&self, ctx: Ctx, input: I) -> Result<O>`";
    let wrong = || syn::Error::new(function.sig.span(), shape);
    let mut arguments = function.sig.inputs.iter();
    let (Some(FnArg::Receiver(_)), Some(FnArg::Typed(_)), Some(FnArg::Typed(input)), None) =
        (arguments.next(), arguments.next(), arguments.next(), arguments.next())
    else {
        return Err(wrong());
    };
    let ReturnType::Type(_, result) = &function.sig.output else { return Err(wrong()) };
    let Type::Path(path) = &**result else { return Err(wrong()) };
    let Some(PathArguments::AngleBracketed(inside)) = path.path.segments.last().map(|last| &last.arguments)
    else {
        return Err(wrong());
    };
    let Some(GenericArgument::Type(output)) = inside.args.first() else { return Err(wrong()) };
    Ok(((*input.ty).clone(), output.clone()))
}

fn summary(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else { return None };
        let Expr::Lit(literal) = &pair.value else { return None };
        let Lit::Str(text) = &literal.lit else { return None };
        pair.path.is_ident("doc").then(|| text.value().trim().to_owned())
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// `250ms`, `30s`, `5m`, `2h`.
fn seconds(text: &LitStr) -> Result<f64> {
    let value = text.value();
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let number: f64 = value[..digits].parse().map_err(|_| syn::Error::new(text.span(), "write `30s`"))?;
    match &value[digits..] {
        "ms" => Ok(number / 1000.0),
        "s" => Ok(number),
        "m" => Ok(number * 60.0),
        "h" => Ok(number * 3600.0),
        _ => Err(syn::Error::new(text.span(), "units are ms, s, m and h")),
    }
}

fn implement(plugin: &Type, new: &New, actions: &[Action]) -> TokenStream {
    let New { config, call } = new;
    let specs = actions.iter().map(Action::spec);
    quote! {
        impl ::yizhan_plugin_api::sdk::Plugin for #plugin {
            type Config = #config;

            fn open(config: Self::Config, host: &::yizhan_plugin_api::sdk::Host) -> ::yizhan_plugin_api::sdk::Result<Self> {
                // A `new` may take less than both.
                let _ = (&config, host);
                #call
            }

            fn actions() -> ::std::vec::Vec<::yizhan_plugin_api::sdk::ActionSpec<Self>> {
                ::std::vec![#(#specs),*]
            }
        }
    }
}

/// The note and the entry symbol. The attributes that the lint `unsafe_code` watches come from here, so that an
/// author's crate may forbid it.
fn border(plugin: &Type, actions: &[Action]) -> TokenStream {
    let quoted = actions.iter().map(|action| format!("\"{}\"", action.name)).collect::<Vec<_>>().join(",");
    let private = quote!(::yizhan_plugin_api::sdk::private);
    let abi = quote!(::yizhan_plugin_api::abi);
    let manifest = quote!(<#plugin as ::yizhan_plugin_api::sdk::Manifest>);
    quote! {
        const _: () = {
            const CAPABILITIES: [&str; #private::list_len(#manifest::CAPABILITIES)] =
                #private::list(#manifest::CAPABILITIES);
            const REQUIRES: [&str; #private::list_len(#manifest::REQUIRES)] = #private::list(#manifest::REQUIRES);
            const HEAD: [&str; 5] = ["{\"id\":\"", #manifest::ID, "\",\"version\":\"", #manifest::VERSION, "\","];
            const PARTS: [&str; HEAD.len() + REQUIRES.len() + CAPABILITIES.len() + 4] = #private::join(&[
                &HEAD,
                &["\"abi\":{\"major\":1,\"min\":0,\"built\":0},\"requires\":["],
                &REQUIRES,
                &["],\"capabilities\":["],
                &CAPABILITIES,
                &["],\"actions\":["],
                &[::core::concat!(#quoted, "]}")],
            ]);

            #[used]
            #[unsafe(link_section = ".note.yzplugin")]
            static NOTE: #private::Note<{ #private::note_len(&PARTS) }> = #private::write_note(&PARTS);

            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn yz_plugin_entry_v1(
                host: *const #abi::YzHeader,
                why: *mut #abi::YzBuf,
            ) -> *const #abi::YzPlugin {
                unsafe { #private::entry::<#plugin>(host, why) }
            }
        };
    }
}
