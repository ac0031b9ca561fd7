'use strict';
// Its search runs in a worker made from a blob, which the page's policy does not allow.
Redoc.init('/api/openapi.json', { disableSearch: true, hideDownloadButton: false }, document.getElementById('docs'));
