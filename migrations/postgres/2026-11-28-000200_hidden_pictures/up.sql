-- Whose picture is not served while its owner is suspended: asked at each request for a picture.
CREATE INDEX accounts_hidden_avatar ON accounts (avatar)
    WHERE domain = '' AND suspended_at IS NOT NULL;
CREATE INDEX accounts_hidden_header ON accounts (header)
    WHERE domain = '' AND suspended_at IS NOT NULL;
