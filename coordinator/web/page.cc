#include "coordinator/web/page.h"

namespace mr::coordinator {

const std::string_view kPageHtml = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Millrace</title>
<link rel="stylesheet" href="/app.css">
</head>
<body>
<h1>Millrace</h1>
<p id="cluster">connecting…</p>
<h2>Jobs</h2>
<table><thead><tr><th>Job<th>Name<th>User<th>State<th>Map<th>Reduce<th>Elapsed<th>Output</tr></thead>
<tbody id="jobs"></tbody></table>
<h2>Workers</h2>
<table><thead><tr><th>Worker<th>Host<th>State<th>Slots<th>Completed<th>Failed<th>Last seen</tr></thead>
<tbody id="workers"></tbody></table>
<noscript>This page needs JavaScript; the same is at /api/v1/jobs.</noscript>
<script src="/app.js"></script>
</body>
</html>
)html";

// Everything shown is users' data: textContent only, never markup.
const std::string_view kPageScript = R"js('use strict';
const byId = id => document.getElementById(id);
function cell(row, text) {
  const td = document.createElement('td');
  td.textContent = text;
  row.appendChild(td);
  return td;
}
function bar(row, phase) {
  const td = cell(row, '');
  const progress = document.createElement('progress');
  progress.max = 1;
  const byTasks = phase.total ? phase.done / phase.total : 0;
  progress.value = phase.bytes_total ? Math.min(1, phase.bytes_done / phase.bytes_total) : byTasks;
  td.appendChild(progress);
  const text = document.createElement('span');
  text.textContent = ` ${phase.done}/${phase.total}` + (phase.running ? `, ${phase.running} running` : '');
  td.appendChild(text);
}
function clock(seconds) {
  const s = Math.floor(seconds), pad = n => String(n).padStart(2, '0');
  const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
  return (h ? h + ':' + pad(m) : m) + ':' + pad(s % 60);
}
async function get(path) {
  const answer = await fetch(path, {cache: 'no-store'});
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
}
function showJobs(jobs) {
  const rows = jobs.slice(0, 200).map(job => {
    const row = document.createElement('tr');
    cell(row, job.id);
    cell(row, job.name);
    cell(row, job.user);
    cell(row, job.state + (job.reason ? ': ' + job.reason : '')).className = job.state;
    bar(row, job.phases.map);
    bar(row, job.phases.reduce);
    cell(row, clock(job.elapsed_s));
    cell(row, job.output);
    return row;
  });
  byId('jobs').replaceChildren(...rows);
}
function showWorkers(workers) {
  const rows = workers.slice(0, 500).map(worker => {
    const row = document.createElement('tr');
    cell(row, worker.name);
    cell(row, worker.host);
    cell(row, worker.state).className = worker.state;
    cell(row, `${worker.busy}/${worker.slots}`);
    cell(row, worker.tasks_completed);
    cell(row, worker.tasks_failed);
    cell(row, worker.last_seen_at || '');
    return row;
  });
  byId('workers').replaceChildren(...rows);
}
async function refresh() {
  try {
    const [cluster, jobs, workers] =
        await Promise.all([get('/api/v1/cluster'), get('/api/v1/jobs'), get('/api/v1/workers')]);
    byId('cluster').textContent = `${cluster.cluster || 'cluster'} · version ${cluster.version} · ` +
        (cluster.replicated
            ? cluster.leads ? `member ${cluster.node} leads in term ${cluster.term} · `
                            : `member ${cluster.node}; ask member ${cluster.leader}, which leads · `
            : '') +
        `${cluster.workers_alive} workers · ${cluster.slots_busy}/${cluster.slots_total} slots busy · ` +
        `${cluster.jobs_running} jobs running, ${cluster.jobs_queued} queued`;
    showJobs(jobs.jobs);
    showWorkers(workers.workers);
  } catch (error) {
    byId('cluster').textContent = 'the coordinator does not answer (' + error.message + '); trying again';
  }
  setTimeout(refresh, 1000);
}
refresh();
)js";

const std::string_view kPageStyle = R"css(
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem; color: #222; background: #fff; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 1.5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top; }
.failed, .lost { color: #b00020; } .succeeded { color: #1b6e20; } .killed, .draining { color: #8a5a00; }
progress { width: 8rem; }
)css";

}  // namespace mr::coordinator
