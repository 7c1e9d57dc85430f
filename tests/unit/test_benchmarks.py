"""The benchmark's pure parts: what is generated, how requests are counted, what is made of the figures."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import yaml

from benchmarks import inventory, limit
from benchmarks.engines import write_inputs
from benchmarks.names import SHARED_NAMESPACE
from benchmarks.results import (
    ENGINES,
    PHASES,
    Row,
    best_peer,
    extrapolated,
    growth_factor,
    growth_table,
    medians,
    tables,
    targets,
)
from benchmarks.server import READS, WRITES, Count, check_context, counted
from testbed.errors import TestbedError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def row(engine="kubectl", phase="cold", seconds=1.0, objects=1000, calls=10, writes=5, peak=20.0):
    return Row(engine, objects, phase, seconds, calls, writes, peak)


class TestInventory:
    def test_has_two_objects_for_every_app(self):
        apps = inventory.apps(6, inventory.certificates(6, NOW, each=False))
        assert list(apps) == ["app-00001", "app-00002", "app-00003"]
        assert {app["namespace"] for app in apps.values()} == {SHARED_NAMESPACE}

    def test_gives_each_app_a_namespace_and_a_certificate_where_wanted(self):
        apps = inventory.apps(4, inventory.certificates(4, NOW, each=True), per_app=True)
        assert len({app["namespace"] for app in apps.values()}) == 2
        assert len({app["tls"]["cert"] for app in apps.values()}) == 2

    @pytest.mark.parametrize("objects", [1, 7, -2])
    def test_refuses_half_an_app(self, objects):
        with pytest.raises(ValueError, match="every app is two"):
            inventory.names(objects)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    base = inventory.stack("kubeconfig", "kind-x", 300)
    folder = tmp_path_factory.mktemp("inputs")
    return write_inputs(folder, base, inventory.apps(60, inventory.certificates(60, NOW, each=False)))


class TestInputs:
    def test_hold_exactly_what_the_apps_add(self, inputs):
        objects = json.loads(inputs.objects.read_text())
        kinds = [obj["kind"] for obj in objects]
        assert kinds[0] == "Namespace"
        assert {kind: kinds.count(kind) for kind in kinds} == {"Namespace": 1, "Secret": 30, "Ingress": 30}

    def test_are_the_same_for_every_engine(self, inputs):
        chart = inputs.folder / "chart" / "templates" / "stack.yaml"
        assert chart.read_text() == inputs.manifests.read_text()
        assert inputs.manifests.read_text().count("\nkind: ") == 61
        assert "&id" not in inputs.manifests.read_text(), "no YAML anchors: they are hard to read for people and peers"

    def test_have_the_apps_where_they_are_wanted(self, inputs, tmp_path):
        def variables(folder):
            return yaml.safe_load((folder / "inventory" / "group_vars" / "all" / "stack.yml").read_text())

        assert "ingress_apps" not in variables(inputs.folder)
        assert len(yaml.safe_load((inputs.inventory / "apps" / "apps.yml").read_text())["ingress_apps"]) == 30
        apps = inventory.apps(4, inventory.certificates(4, NOW, each=False))
        write_inputs(tmp_path, inventory.stack("kubeconfig", "kind-x", 300), apps, in_files=False)
        assert variables(tmp_path)["ingress_apps"] == apps

    def test_keep_keys_to_their_owner(self, inputs):
        assert {path.stat().st_mode & 0o077 for path in inputs.folder.rglob("*") if path.is_file()} == {0}

    def test_know_where_the_limit_sends_them(self, inputs):
        namespace, secret, *_, ingress = json.loads(inputs.objects.read_text())
        assert limit.path(namespace).startswith(f"/api/v1/namespaces/{SHARED_NAMESPACE}?fieldManager=")
        assert limit.path(secret).startswith(f"/api/v1/namespaces/{SHARED_NAMESPACE}/secrets/app-00001-tls?")
        wanted = f"/apis/networking.k8s.io/v1/namespaces/{SHARED_NAMESPACE}/ingresses/app-00030?"
        assert limit.path(ingress).startswith(wanted)


class TestCounted:
    def test_takes_only_what_our_user_sent(self):
        dispatched = "apiserver_flowcontrol_dispatched_requests_total"
        text = "\n".join(
            [
                f"# TYPE {dispatched} counter",
                f'{dispatched}{{flow_schema="{WRITES}",priority_level="global-default"}} 7',
                f'{dispatched}{{flow_schema="{READS}",priority_level="global-default"}} 1.2e+03',
                f'{dispatched}{{flow_schema="system-nodes",priority_level="system"}} 99',
                f'apiserver_flowcontrol_rejected_requests_total{{flow_schema="{WRITES}",reason="queue-full"}} 2',
                f'apiserver_flowcontrol_current_inqueue_requests{{flow_schema="{WRITES}"}} 50',
            ]
        )
        assert counted(text) == Count(calls=1209, writes=9)

    def test_is_nothing_before_the_first_request(self):
        assert counted("") == Count(0, 0)

    def test_differences(self):
        assert Count(10, 4) - Count(7, 4) == Count(3, 0)


class TestCheckContext:
    def test_refuses_a_cluster_that_may_be_somebodys(self):
        with pytest.raises(TestbedError, match="prod is not a context of kind's"):
            check_context("prod", any_context=False)

    @pytest.mark.parametrize(("context", "any_context"), [("kind-x", False), ("prod", True)])
    def test_takes_the_rest(self, context, any_context):
        check_context(context, any_context=any_context)


class TestMedians:
    def test_are_taken_figure_by_figure_and_memory_at_its_highest(self):
        rows = [row(seconds=3, calls=30, peak=1), row(seconds=1, calls=20, peak=9), row(seconds=2, calls=20, peak=2)]
        assert medians(rows) == [row(seconds=2, calls=20, peak=9)]

    def test_of_whole_processes_are_taken_beside(self):
        rows = [replace(row(seconds=1), process=whole) for whole in (5.0, 4.0, 9.0)]
        assert medians(rows)[0].record()["process_seconds"] == 5.0

    def test_keep_engines_phases_and_sizes_apart(self):
        rows = [row(), row(phase="noop"), row("helm"), row(objects=300)]
        assert medians([*rows, *rows]) == rows


class TestExtrapolated:
    def test_grows_all_but_the_start(self):
        sample = Row("kubernetes.core-loop", 20, "cold", 13.0, 60, 20, 50.0)
        full = extrapolated(sample, empty=1.0, objects=1000)
        assert full == Row("kubernetes.core-loop", 1000, "cold", 601.0, 3000, 1000, 50.0, sample=20)
        assert full.record()["extrapolated_from"] == 20

    def test_needs_a_sample(self):
        with pytest.raises(ValueError, match="empty"):
            extrapolated(row(objects=0), 1.0, 1000)


def test_records_have_the_keys_that_others_read():
    assert row().record() == {
        "engine": "kubectl",
        "objects": 1000,
        "phase": "cold",
        "seconds": 1.0,
        "api_calls": 10,
        "api_writes": 5,
        "peak_mib": 20.0,
    }


class TestTables:
    ROWS = [
        replace(row("limit", seconds=2.0), process=2.5),
        replace(row("ingresskit-module", seconds=2.2), process=4.0),
        row("kubectl-ssa", seconds=10.0),
        row("helm", seconds=8.0),
    ]

    def test_set_whole_processes_beside_the_best_peer_and_like_beside_like_of_the_limit(self):
        text = tables(self.ROWS, 1000, {})
        assert "| ingresskit-module | 2.20 | 4.00 | 0.50 | 1.10 | 10 | 5 | 20 |" in text
        assert "| kubectl-ssa | 10.00 |  | 1.25 | 4.00 |" in text

    def test_tell_why_an_engine_is_not_there(self):
        text = tables(self.ROWS, 1000, {"kubectl": "it is not installed"})
        assert text.count("| kubectl | not run: it is not installed |") == len(PHASES)

    def test_mark_what_is_extrapolated(self):
        loop = Row("kubernetes.core-loop", 1000, "cold", 600.0, 3000, 1000, 50.0, sample=20)
        assert "| kubernetes.core-loop (from 20 objects) | about 600.00 |" in tables([loop], 1000, {})

    def test_leave_other_sizes_out(self):
        assert "kubectl" not in tables([row(objects=300)], 1000, {})

    def test_best_peer_is_neither_ours_nor_the_limit(self):
        assert best_peer(self.ROWS, "cold") == row("helm", seconds=8.0)
        assert best_peer(self.ROWS, "noop") is None


class TestTargets:
    def test_say_what_was_missed(self):
        rows = [*TestTables.ROWS, row("ingresskit-playbook", seconds=4.0), row("ingresskit-module", "noop", 0.25)]
        text = targets(rows, scopes=13)
        assert "| ingresskit-module cold, times limit | 1.25 | 1.1 | reached |" in text
        assert "| ingresskit-playbook cold, part of kubectl-ssa | 0.333 | 0.4 | MISSED |" in text
        assert "| ingresskit-module no-op, calls (scopes + 3) | 16 | 10 | reached |" in text
        assert "| ingresskit-module no-op, writes | 0 | 5 | MISSED |" in text

    def test_are_silent_about_what_was_not_measured(self):
        assert targets([row("helm")], scopes=13).count("\n") == 1


class TestGrowth:
    ROWS = [row("ingresskit-module", seconds=2.0), row("ingresskit-module", seconds=50.0, objects=20_000)]

    def test_is_the_time_against_the_proportional_one(self):
        assert growth_factor(self.ROWS, 1000, 20_000) == pytest.approx(1.25)
        assert growth_factor(self.ROWS[:1], 1000, 20_000) is None

    def test_table_has_the_time_for_a_thousand(self):
        assert "| cold | 20,000 | 50.00 | 2.50 |" in growth_table([*self.ROWS, row(objects=20_000)])


def test_engines_are_named_as_the_results_are_read():
    assert set(ENGINES) == {
        "ingresskit-playbook",
        "ingresskit-module",
        "limit",
        "kubectl",
        "kubectl-ssa",
        "helm",
        "kubernetes.core-loop",
        "kubernetes.core-task",
    }
