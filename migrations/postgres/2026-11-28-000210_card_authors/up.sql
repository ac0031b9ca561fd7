-- Whose name stands on the preview of a link is kept: asked of every account that might be forgotten.
CREATE INDEX preview_cards_author ON preview_cards (author_account_id) WHERE author_account_id IS NOT NULL;
