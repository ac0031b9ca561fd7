DROP TABLE relays;
ALTER TABLE domain_policies DROP COLUMN reject_reports;
