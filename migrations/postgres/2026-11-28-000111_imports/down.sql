DROP TABLE import_lines;
DROP TABLE account_imports;
