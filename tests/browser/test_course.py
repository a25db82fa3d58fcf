"""Each notebook as a student works through it: all cells run, the keys and buttons of its widgets answer."""

import re


def step(words: str) -> int:
    """Read the number of steps that the cockpit says it has made."""
    said = re.search(r"Step (\d+) of", words)
    return int(said[1]) if said else 0


def test_welcome(lab):
    lab.open("00_welcome")
    lab.run_all()
    lab.screenshot_all()
    assert lab.page.locator(".Toastify__toast").all_inner_texts() == []  # no box asks about news
    lab.wait_for("critic-reveal", "You have not chosen yet")
    lab.click("(b) mostly harsh", "critic-predict")
    lab.wait_for("critic-predict", r"Kept: \(b\), .* Now run the next cell\.")
    lab.run("critic-reveal")
    lab.wait_for("critic-reveal", r"you chose \(b\) .*: it did not come true\. Right is \(c\)")
    lab.show_cell("critic-predict")
    lab.screenshot("prediction")


def test_reward_modeling(lab):
    lab.open("01_reward_modeling")
    lab.run_all()
    lab.screenshot_all()
    lab.move("ratings-demo", "all agree → people split", "End")
    lab.move("bt-demo", "chosen reward", "ArrowLeft", times=3)
    lab.move("bt-demo", "add to both")
    lab.move("noise-demo", "pairs", times=2)
    lab.move("noise-demo", "labels flipped")
    lab.press_slider("annotator", "Arrow keys: click the handle, then", "ArrowLeft")
    lab.wait_for("annotator", "1 of 24 pairs answered")
    lab.press_slider("annotator", "Arrow keys: click the handle, then", "ArrowRight")
    lab.wait_for("annotator", "2 of 24 pairs answered")
    for answered in (3, 4, 5):
        lab.click("I like the right one", "annotator")
        lab.wait_for("annotator", f"{answered} of 24 pairs answered")
    lab.click("Undo", "annotator")
    lab.wait_for("annotator", "4 of 24 pairs answered; 1 more to train on")
    lab.click("I like the left one", "annotator")
    lab.wait_for("annotator", "5 of 24 pairs answered")
    lab.click("Train on my choices", "annotator")
    lab.wait_for("annotator", "of 5 pairs the crowd's reward model prefers the same text")
    lab.show_cell("annotator")
    lab.screenshot("annotator")


def test_clipped_ppo(lab):
    lab.open("02_clipped_ppo")
    lab.run_all()
    lab.screenshot_all()
    lab.move("clip-demo", "advantage", "Home")
    lab.move("clip-demo", "ratio", "Home")
    lab.move("clip-demo", "clip_eps", "PageUp")
    lab.move("clip-cloud", "clip_eps")
    lab.move("advantage-demo", "lambda", "End")
    lab.move("advantage-demo", "gamma", "ArrowLeft")
    lab.move("spread-demo", "lambda", "Home")
    lab.show_cell("advantage-demo")
    lab.screenshot("advantage-demo")


def test_rlhf_pipeline(lab):
    lab.open("03_rlhf_pipeline")
    lab.run_all()
    lab.screenshot_all()
    lab.click("Start", "cockpit")
    lab.wait_for("cockpit", r"Running\. Step 2 of")
    lab.click("Pause", "cockpit")
    lab.wait_for("cockpit", r"Paused\. Step")
    paused_at = step(lab.says("cockpit"))
    lab.press_slider("cockpit", "KL coefficient", times=2)
    lab.click("One step", "cockpit")
    lab.wait_for("cockpit", rf"Paused\. Step {paused_at + 1} of")
    lab.click("Resume", "cockpit")
    lab.wait_for("cockpit", rf"Running\. Step {paused_at + 3} of")
    lab.click("Stop", "cockpit")
    lab.wait_for("cockpit", r"Stopped\. Step")
    lab.show_cell("cockpit")
    lab.screenshot("cockpit")


def test_overoptimization(lab):
    lab.open("04_overoptimization")
    lab.run_all()
    lab.screenshot_all()
    lab.move("bon-demo", "pairs", "End")
    lab.move("ppo-demo", "pairs", times=2)
    lab.show_cell("ppo-demo")
    lab.screenshot("ppo-demo")
    lab.move("walk", "pairs", times=2)
    lab.move("walk", "before step", "End")
    lab.wait_for("walk", r"Against 512 pairs, before step \d\d")
    lab.show_cell("walk")
    lab.screenshot("walk")


def test_beyond_ppo(lab):
    lab.open("05_beyond_ppo")
    lab.run_all()
    lab.screenshot_all()
    lab.move("fixed-points", "KL coefficient", "Home")
    lab.move("fixed-points", "KL coefficient", times=4)
    lab.show_cell("fixed-points")
    lab.screenshot("fixed-points")
    lab.move("group-demo", "score of A1", "Home")
    lab.move("group-demo", "B is easier by", "End")
    lab.show_cell("group-demo")
    lab.screenshot("group-demo")


def test_verifiable_rewards(lab):
    lab.open("06_verifiable_rewards")
    lab.run_all()
    lab.screenshot_all()
