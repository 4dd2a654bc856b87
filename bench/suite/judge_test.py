"""What judge.py calls better, a tie, a difference of answers."""
import unittest

import judge

CACHES = {"L2": 1 << 20, "L3": 32 << 20}


def line(side, samples, **more):
    return dict({"group": "audience", "of": "audience", "row": "Q", "side": side, "unit": "us", "samples": samples, "quantiles": [],
                 "command": "c", "title": "t"}, **more)


class JudgeTest(unittest.TestCase):
    def row(self, *lines):
        return judge.rows_of(list(lines), CACHES)[0]

    def test_what_is_faster_than_both_spreads_is_better(self):
        row = self.row(line("shoal", [1.0, 1.1, 1.0]), line("Redis", [3.0, 3.1, 2.9]))
        self.assertEqual(row["verdicts"]["Redis"], (3.0, "better"))
        self.assertEqual(row["best_peer"], "Redis")

    def test_more_requests_a_second_are_better_and_more_microseconds_are_worse(self):
        row = self.row(line("shoal", [200.0], unit="/s"), line("Redis", [100.0], unit="/s"))
        self.assertEqual(row["verdicts"]["Redis"], (2.0, "better"))
        row = self.row(line("shoal", [200.0]), line("Redis", [100.0]))
        self.assertEqual(row["verdicts"]["Redis"], (0.5, "worse"))

    def test_a_small_difference_is_a_tie(self):
        row = self.row(line("shoal", [1.0]), line("Redis", [1.1]))
        self.assertEqual(row["verdicts"]["Redis"][1], "tie")

    def test_a_difference_inside_the_noise_is_a_tie(self):
        """Repeats of 1 and 3 us are 50 % of noise: 1.4 times as fast says nothing then."""
        row = self.row(line("shoal", [1.0]), line("shoal", [3.0]), line("Redis", [2.8]))
        self.assertEqual(row["sides"]["shoal"]["noise"], 0.5)
        self.assertEqual(row["verdicts"]["Redis"], (1.4, "tie"))

    def test_answers_that_differ_are_named(self):
        row = self.row(line("shoal", [1.0], answer="7"), line("Redis", [1.0], answer="8"))
        self.assertEqual(row["differ"], {"shoal": ["7"], "Redis": ["8"]})
        row = self.row(line("shoal", [1.0], answer="7"), line("Redis", [1.0], answer="7"))
        self.assertIsNone(row["differ"])
        self.assertEqual((row["answer"], row["compared"]), ("7", 2))

    def test_answers_that_change_from_repeat_to_repeat_are_named(self):
        row = self.row(line("shoal", [1.0], answer="7"), line("shoal", [1.0], answer="8"))
        self.assertIsNotNone(row["differ"])

    def test_the_floor_is_bytes_at_the_speed_of_where_they_fit(self):
        machine = dict(line("machine", [20.0], unit="GB/s"), group="limits", of="limits", row="read, L3, 1 thread")
        rows = judge.rows_of([machine, line("shoal", [1000.0], floor_bytes=10_000_000)], CACHES)
        self.assertEqual(rows[1]["floor"]["place"], "L3")
        self.assertAlmostEqual(rows[1]["floor"]["time"], 500.0)
        self.assertAlmostEqual(rows[1]["floor"]["share"], 0.5)

    def test_the_same_question_at_two_sizes_is_two_rows(self):
        rows = judge.rows_of([line("shoal", [1.0], users=10), line("shoal", [2.0], users=20)], CACHES)
        self.assertEqual([row["users"] for row in rows], [10, 20])


if __name__ == "__main__":
    unittest.main()
