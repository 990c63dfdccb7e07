// Uploads with the unmodified tus-js-client from npm and its default settings.
// Arguments: path of the client, endpoint, path of a file, what to do.
const [, , client, endpoint, file, what] = process.argv;
const tus = require(client);
const fs = require("fs");
const size = fs.statSync(file).size;

const options = (more) => ({ endpoint, uploadSize: size, metadata: { filename: "现场.jpg", filetype: "image/jpeg" }, ...more });
const upload = (more) =>
  new Promise((done, fail) => {
    const u = new tus.Upload(fs.createReadStream(file), options({ onSuccess: () => done(u), onError: fail, ...more }));
    u.start();
  });

(async () => {
  let u;
  switch (what) {
    case "whole":
      u = await upload({});
      break;
    case "chunks":
      u = await upload({ chunkSize: 1234567 });
      break;
    case "with creation":
      u = await upload({ uploadDataDuringCreation: true });
      break;
    case "override":
      u = await upload({ overridePatchMethod: true, chunkSize: 5000000 });
      break;
    case "pause": {
      // Stops after the first progress, goes on with a new object as after a restart.
      let url;
      await new Promise((done) => {
        const first = new tus.Upload(fs.createReadStream(file), options({
          chunkSize: 3000000,
          onChunkComplete: () => first.abort().then(() => { url = first.url; done(); }),
          onError: () => {},
        }));
        first.start();
      });
      u = await upload({ uploadUrl: url, endpoint: null });
      break;
    }
    case "terminate": {
      u = await upload({});
      await tus.Upload.terminate(u.url);
      break;
    }
  }
  console.log(u.url);
})().catch((e) => {
  console.error(String(e));
  process.exit(1);
});
