# Two proportions: chi-square, Wald, Fisher and per-arm intervals from base R.
# Everything is treatment against control: difference p_t - p_c, odds ratio of treatment
# to control. "less" means p_t < p_c.
#   Rscript tests/oracles/proportions.R > tests/oracles/proportions.json
source(file.path(local({
  a <- grep("^--file=", commandArgs(FALSE), value = TRUE)
  if (length(a)) dirname(sub("^--file=", "", a[1])) else "."
}), "common.R"))

tables <- list(
  c(56, 70, 48, 80), c(9, 10, 3, 10), c(6, 7, 2, 7), c(5, 56, 0, 29), c(0, 10, 0, 20),
  c(0, 10, 0, 10), c(10, 10, 0, 20), c(10, 10, 0, 10), c(84, 101, 89, 105), c(7, 34, 1, 34),
  c(0, 20, 20, 20), c(20, 20, 0, 20), c(0, 200, 10, 2000), c(1, 200, 10, 2000),
  c(3, 4, 1, 4), c(2, 15, 8, 17), c(120, 1000, 90, 1000), c(5200, 100000, 5000, 100000),
  c(12, 12, 11, 12), c(50, 100, 50, 100))

alternatives <- c("two.sided", "less", "greater")
one <- function(v) {
  x <- c(v[1], v[3]); n <- c(v[2], v[4])
  prop <- list()
  for (correct in c(FALSE, TRUE)) for (alt in alternatives) for (conf in c(.95, .99)) {
    r <- suppressWarnings(prop.test(x, n, alternative = alt, correct = correct, conf.level = conf))
    prop[[length(prop) + 1]] <- list(correct = correct, alternative = alt, conf_level = conf,
      chi2 = r$statistic[[1]], p = r$p.value, conf_low = r$conf.int[1], conf_high = r$conf.int[2])
  }
  m <- rbind(c(x[1], n[1] - x[1]), c(x[2], n[2] - x[2]))
  fisher <- lapply(alternatives, function(alt) {
    r <- fisher.test(m, alternative = alt)
    list(alternative = alt, conf_level = .95, p = r$p.value, odds_ratio = r$estimate[[1]],
         conf_low = r$conf.int[1], conf_high = r$conf.int[2])
  })
  arms <- lapply(1:2, function(i) {
    w <- suppressWarnings(prop.test(x[i], n[i], correct = FALSE)$conf.int)
    e <- binom.test(x[i], n[i])$conf.int
    list(arm = c("treatment", "control")[i], wilson = arr(w), clopper_pearson = arr(e))
  })
  p <- x / n
  z <- qnorm(.975)
  se <- sqrt(1 / x[1] - 1 / n[1] + 1 / x[2] - 1 / n[2])
  katz <- if (all(x > 0)) log(p[1] / p[2]) + c(-1, 1) * z * se else c(NaN, NaN)
  pool <- sum(x) / sum(n)
  list(difference = p[1] - p[2],
       z_pooled = (p[1] - p[2]) / sqrt(pool * (1 - pool) * sum(1 / n)),
       se_unpooled = sqrt(sum(p * (1 - p) / n)),
       ratio = p[1] / p[2], katz_log_ratio_95 = arr(exp(katz)),
       prop_test = prop, fisher = fisher, arms = arms)
}
cases <- lapply(tables, function(v) case(
  sprintf("%d/%d - %d/%d", v[1], v[2], v[3], v[4]),
  list(x_treatment = v[1], n_treatment = v[2], x_control = v[3], n_control = v[4]), one(v)))
emit("proportions.R", cases, notes = c(
  "Fisher's odds ratio is the conditional maximum likelihood estimate; R finds it and its interval by uniroot, good to about 1e-4 relative in places.",
  "prop_test's interval is the Wald interval of the difference, widened by the continuity correction when correct is true and clipped to [-1, 1]."))
