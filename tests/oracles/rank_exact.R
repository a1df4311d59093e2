# Exact Wilcoxon-Mann-Whitney test with ties: coin::wilcox_test(distribution = "exact", conf.int = TRUE). Without ties
# wilcox.test(conf.int = TRUE): exact below 50 units, else normal with continuity correction.
#   Rscript tests/oracles/rank_exact.R > tests/oracles/rank_exact.json
source(file.path(local({
  a <- grep("^--file=", commandArgs(FALSE), value = TRUE)
  if (length(a)) dirname(sub("^--file=", "", a[1])) else "."
}), "common.R"))
suppressPackageStartupMessages(library(coin))

one <- function(name, control, treatment) {
  d <- data.frame(y = c(treatment, control), g = factor(rep(c("t", "c"), c(length(treatment), length(control))), c("t", "c")))
  ties <- anyDuplicated(d$y) > 0
  out <- list(ties = ties)
  for (alt in c("two.sided", "less", "greater")) {
    small <- max(length(treatment), length(control)) < 50
    test <- wilcox_test(y ~ g, d, distribution = if (small) "exact" else "asymptotic", alternative = alt, conf.int = small)
    found <- list(p = if (small) as.numeric(pvalue(test)) else wilcox.test(treatment, control, alternative = alt)$p.value)
    if (small) found$coin <- arr(as.numeric(confint(test)$conf.int))
    if (!ties) for (level in c(0.9, 0.95)) {
      w <- wilcox.test(treatment, control, alternative = alt, conf.int = TRUE, conf.level = level)
      found[[paste0("ci", 100 * level)]] <- arr(as.numeric(w$conf.int))
      found$estimate <- as.numeric(w$estimate)
    }
    out[[alt]] <- found
  }
  case(name, list(control = arr(control), treatment = arr(treatment)), out)
}
set.seed(11)
cases <- list(
  one("sleep", sleep$extra[sleep$group == 1], sleep$extra[sleep$group == 2]),
  one("ratings", c(1, 1, 2, 2, 3, 3, 3), c(2, 3, 3, 4, 4, 5, 5, 5, 5)),
  one("mtcars hp by am", mtcars$hp[mtcars$am == 0], mtcars$hp[mtcars$am == 1]),
  one("chickwts soybean sunflower", chickwts$weight[chickwts$feed == "soybean"], chickwts$weight[chickwts$feed == "sunflower"]),
  one("many zeros, 30 against 12", c(rep(0, 22), 1:8), c(rep(0, 5), 2:8)),
  one("3 against 40", c(0, 0, 1), rep(0:7, 5)),
  one("49 against 49", round(rnorm(49), 1), round(rnorm(49, 0.4), 1)),
  one("0 and 1", rep(c(0, 1), c(12, 3)), rep(c(0, 1), c(6, 9))),
  one("no ties, 12 against 9", round(rnorm(12), 4), round(rnorm(9, 1), 4)),
  one("no ties, 4 against 30", round(rnorm(4), 4), round(rnorm(30, 1), 4)),
  one("no ties, 60 against 80", round(rnorm(60), 5), round(rnorm(80, 0.5), 5)),
  one("no ties, 45 against 40", round(rnorm(45), 5), round(rnorm(40, 0.5), 5)))
emit("rank_exact.R", cases, "coin")
