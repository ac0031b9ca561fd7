DROP TABLE relays;
DROP INDEX accounts_delivery_host;
ALTER TABLE domain_policies DROP COLUMN reject_reports;
