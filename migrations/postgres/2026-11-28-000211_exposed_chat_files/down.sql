DELETE FROM jobs WHERE kind = 'hide_chat_files';
