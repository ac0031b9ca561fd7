DROP TABLE remote_files_total;
DROP TABLE remote_files;
DROP TABLE media_work;
