// A path that names no file is a view of the page, and all views are one file.
function handler(event) {
  var request = event.request;
  var last = request.uri.slice(request.uri.lastIndexOf("/") + 1);
  if (last.indexOf(".") < 0 && request.uri.indexOf("/assets/") !== 0) {
    request.uri = "/index.html";
  }
  return request;
}
