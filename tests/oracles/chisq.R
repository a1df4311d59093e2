# Goodness of fit of arm counts to planned weights (sample ratio mismatch) and independence.
#   Rscript tests/oracles/chisq.R > tests/oracles/chisq.json
source(file.path(local({
  a <- grep("^--file=", commandArgs(FALSE), value = TRUE)
  if (length(a)) dirname(sub("^--file=", "", a[1])) else "."
}), "common.R"))

# Every composition of n into k parts, each with its multinomial probability. The p-value sums the
# probabilities not above the observed one (relative slack 1e-9 for ties); by_chi2 orders by Pearson's
# statistic instead.
exact_multinomial <- function(x, w) {
  n <- sum(x); k <- length(x); w <- w / sum(w)
  grid <- as.matrix(expand.grid(rep(list(0:n), k - 1)))
  grid <- grid[rowSums(grid) <= n, , drop = FALSE]
  grid <- cbind(grid, n - rowSums(grid))
  logp <- lfactorial(n) - rowSums(lfactorial(grid)) + drop(grid %*% log(w))
  obs <- lfactorial(n) - sum(lfactorial(x)) + sum(x * log(w))
  e <- rep(n * w, each = nrow(grid))
  stat <- rowSums((grid - e)^2 / e)
  s0 <- sum((x - n * w)^2 / (n * w))
  list(by_probability = sum(exp(logp[logp <= obs + 1e-9])), by_chi2 = sum(exp(logp[stat >= s0 * (1 - 1e-9)])),
       observed_probability = exp(obs), tables = nrow(grid))
}
gof <- function(name, x, w) {
  r <- suppressWarnings(chisq.test(x, p = w, rescale.p = TRUE))
  out <- list(chi2 = r$statistic[[1]], df = r$parameter[[1]], p = r$p.value, expected_counts = arr(r$expected))
  out$upper_log10_p <- pchisq(r$statistic[[1]], r$parameter[[1]], lower.tail = FALSE, log.p = TRUE) / log(10)
  if (choose(sum(x) + length(x) - 1, length(x) - 1) < 2e5 && (sum(x) + 1)^(length(x) - 1) < 5e6)
    out$exact_multinomial <- exact_multinomial(x, w)
  if (length(x) == 2) out$binom_test_p <- binom.test(x[1], sum(x), w[1] / sum(w))$p.value
  case(paste("weights:", name), list(counts = arr(x), weights = arr(w)), out)
}
indep <- function(name, m) {
  r <- suppressWarnings(chisq.test(m, correct = FALSE))
  yates <- suppressWarnings(chisq.test(m, correct = TRUE))
  case(paste("table:", name), list(table = m),
       list(chi2 = r$statistic[[1]], df = r$parameter[[1]], p = r$p.value, chi2_yates = yates$statistic[[1]], p_yates = yates$p.value))
}
cases <- list(
  gof("balanced", c(5021, 4979), c(.5, .5)),
  gof("mismatch", c(821588, 815482), c(.5, .5)),
  gof("gross mismatch", c(52000, 48000), c(.5, .5)),
  gof("three arms, unequal plan", c(3310, 3372, 6510), c(1, 1, 2)),
  gof("zero count arm", c(0, 12, 9), c(.2, .4, .4)),
  gof("two of three empty", c(0, 0, 7), c(1, 1, 1)),
  gof("small two arms", c(3, 12), c(.5, .5)),
  gof("small unequal plan", c(2, 18), c(.3, .7)),
  gof("small three arms", c(2, 5, 13), c(1, 1, 1)),
  gof("small four arms", c(1, 2, 3, 9), c(.1, .2, .3, .4)),
  gof("perfect", c(10, 20, 30), c(1, 2, 3)),
  gof("cookie cats", c(44700, 45489), c(.5, .5)),
  gof("ten arms", c(101, 99, 120, 80, 100, 97, 103, 110, 90, 100), rep(1, 10)),
  gof("one in a thousand", c(1, 2999), c(.001, .999)),
  indep("2 x 2", rbind(c(56, 14), c(48, 32))),
  indep("2 x 3", rbind(c(20, 30, 50), c(35, 25, 40))),
  indep("3 x 2 with zero", rbind(c(0, 30), c(5, 25), c(9, 21))))
emit("chisq.R", cases)
