'use strict';
SwaggerUIBundle({
  url: '/api/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  docExpansion: 'none',
  filter: true,
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
  oauth2RedirectUrl: new URL('/api/docs/oauth2-redirect', location.href).href,
});
