DROP INDEX preview_cards_author;
