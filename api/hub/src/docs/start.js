'use strict';
// The validator that Swagger UI asks unless it is told otherwise is on the internet.
window.ui = SwaggerUIBundle({
  url: '/api/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  showExtensions: true,
  validatorUrl: null,
});
