//! The macros of the plugin SDK: `#[plugin]` on the type, `#[actions]` on its `impl` block.

mod actions;
mod plugin;

use proc_macro::TokenStream;

/// Says what the library is: `#[plugin(id = "hello", capabilities(http("api.example.com:443"), secret("token")))]`.
///
/// Capabilities: `http` (anywhere public), `http("host:port")`, `secret("name")`, `net_direct` (sockets of its own),
/// `fs_read`, `fs_write` (below the roots of its settings). `requires("http/2")` asks for a service's version.
#[proc_macro_attribute]
pub fn plugin(arguments: TokenStream, item: TokenStream) -> TokenStream {
    plugin::expand(arguments.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes every method marked `#[action(...)]` callable, and the library loadable.
///
/// The block needs `fn new(config: C, host: &Host) -> Result<Self>`; both arguments may be left out from the end.
/// An action is `fn name(&self, ctx: Ctx, input: I) -> Result<O>`; its doc comment is its summary. The arguments:
/// one of `pure`, `idempotent`, `keyed`, `once`; for a function that is not async one of `blocking` (may wait, runs
/// on a thread of the pool) and `inline` (takes microseconds, runs at once); `timeout = "30s"`, `grace = "5s"`,
/// `outcome = "field"`, `example = r#"{"name": "x"}"#` (as often as wanted), `cooperative` (an async action that
/// watches `ctx.cancelled()` itself instead of being dropped), `name = "other"`.
#[proc_macro_attribute]
pub fn actions(arguments: TokenStream, item: TokenStream) -> TokenStream {
    actions::expand(arguments.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
