//! A post as pages show it. Templates of their own: as macros they would be compiled again at each
//! place that shows one, inside one another.

use askama::Template;

use super::view::Post;

/// The whole of it.
#[derive(Template)]
#[template(path = "post.html")]
pub(super) struct Article<'a> {
    post: &'a Post,
    /// The page is about this one.
    main: bool,
}

/// What it says: text, poll, files, quote, preview.
#[derive(Template)]
#[template(path = "post_body.html")]
pub(super) struct Body<'a> {
    post: &'a Post,
}

/// Its files.
#[derive(Template)]
#[template(path = "gallery.html")]
pub(super) struct Gallery<'a> {
    post: &'a Post,
}

impl Post {
    /// The post as HTML.
    pub(super) fn article(&self, main: bool) -> Article<'_> {
        Article { post: self, main }
    }

    fn body(&self) -> Body<'_> {
        Body { post: self }
    }

    fn gallery(&self) -> Gallery<'_> {
        Gallery { post: self }
    }
}
