//! An attribute for the functions of `kith-db`.

use proc_macro::TokenStream;

/// Puts the future of an async function into a box that is made out of line.
///
/// The body of an `async fn` is compiled by whoever awaits it: left as they are, queries were
/// compiled in every package above, and were half of what those took to build. Behind a box they
/// are compiled where they are written; and not inlined, for what is inlined is compiled above
/// once more.
#[proc_macro_attribute]
pub fn boxed(_: TokenStream, function: TokenStream) -> TokenStream {
    let mut marked: TokenStream = "#[::async_recursion::async_recursion] #[inline(never)]"
        .parse()
        .unwrap_or_default();
    marked.extend(function);
    marked
}
