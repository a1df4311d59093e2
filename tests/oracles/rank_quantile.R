# Rank test, Hodges-Lehmann, quantiles, order-statistic intervals, bootstrap BCa.
# Treatment against control: U counts pairs with treatment > control (ties one half).
#   Rscript tests/oracles/rank_quantile.R > tests/oracles/rank_quantile.json
source(file.path(local({
  a <- grep("^--file=", commandArgs(FALSE), value = TRUE)
  if (length(a)) dirname(sub("^--file=", "", a[1])) else "."
}), "common.R"))
suppressPackageStartupMessages(library(boot))

cases <- list()
add <- function(name, input, expected) cases[[length(cases) + 1]] <<- case(name, input, expected)

wilcox <- function(t, c) {
  ties <- anyDuplicated(c(t, c)) > 0
  rows <- list()
  for (exact in c(FALSE, if (!ties) TRUE)) for (correct in if (exact) FALSE else c(FALSE, TRUE))
    for (alt in c("two.sided", "less", "greater")) {
      r <- wilcox.test(t, c, alternative = alt, exact = exact, correct = correct, conf.int = TRUE,
                       conf.level = .95, tol.root = 1e-12)
      rows[[length(rows) + 1]] <- list(exact = exact, correct = correct, alternative = alt, p = r$p.value,
        conf_level = .95, hl_conf_low = r$conf.int[1], hl_conf_high = r$conf.int[2], hl_estimate = r$estimate[[1]])
    }
  u <- wilcox.test(t, c, exact = FALSE)$statistic[[1]]
  n1 <- length(t); n0 <- length(c); n <- n1 + n0
  g <- table(c(t, c))
  sigma <- sqrt(n1 * n0 / 12 * (n + 1 - sum(g^3 - g) / (n * (n - 1))))
  d <- outer(t, c, "-")
  list(U = u, z = (u - n1 * n0 / 2) / sigma, null_sd_of_U = sigma, ties = ties,
       superiority = u / (n1 * n0), p_greater = mean(d > 0), p_equal = mean(d == 0),
       hodges_lehmann = median(d), results = rows)
}
wcase <- function(name, t, c) add(paste("wilcox:", name), list(treatment = arr(t), control = arr(c)), wilcox(t, c))
wcase("sleep", sleep$extra[sleep$group == 2], sleep$extra[sleep$group == 1])
wcase("mtcars mpg", mtcars$mpg[mtcars$am == 1], mtcars$mpg[mtcars$am == 0])
w <- split(as.numeric(chickwts$weight), chickwts$feed)
wcase("chickwts casein - horsebean", w$casein, w$horsebean)
wcase("no ties", c(1.83, 0.5, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.3), c(0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.061, 3.14, 1.295))
wcase("many ties", c(0, 0, 0, 1, 1, 2, 5, 0, 3, 1, 0, 2), c(0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 0, 1))
wcase("n 2 and 5", c(3, 7), c(1, 2, 2.5, 4, 5))
wcase("large shift", (0:39) / 8 + 3, (0:44) / 10)
nsw <- read_data("nsw.csv")
t78 <- nsw$re78[nsw$treat == 1]; c78 <- nsw$re78[nsw$treat == 0]
wcase("nsw re78 (zeros)", t78, c78)

qs <- c(0, .01, .1, .25, 1 / 3, .5, .75, .9, .95, .99, 1)
qcase <- function(name, x) add(paste("quantile:", name), list(x = arr(x), probs = arr(qs)), list(
  type7 = arr(quantile(x, qs, type = 7)), type1 = arr(quantile(x, qs, type = 1)), type6 = arr(quantile(x, qs, type = 6)),
  median = median(x)))
qcase("mtcars mpg", mtcars$mpg)
qcase("three values", c(3, 1, 2))
qcase("one value", arr(4.5))
qcase("ties and zeros", c(0, 0, 0, 1, 1, 2, 5, 0, 3, 1, 0, 2))

# Distribution-free interval: ranks l = qbinom(alpha/2), u = qbinom(1 - alpha/2) + 1 (both
# 1-based order statistics); exact coverage P(l <= B < u) with B ~ Binomial(n, p).
ocase <- function(name, x) {
  s <- sort(x); n <- length(x)
  rows <- list()
  for (conf in c(.95, .99)) for (p in c(.1, .25, .5, .9, .99)) {
    a <- 1 - conf
    l <- qbinom(a / 2, n, p); u <- qbinom(1 - a / 2, n, p) + 1
    rows[[length(rows) + 1]] <- list(prob = p, conf_level = conf, rank_low = l, rank_high = u,
      low = if (l >= 1) s[l] else -Inf, high = if (u <= n) s[u] else Inf,
      coverage = pbinom(u - 1, n, p) - if (l >= 1) pbinom(l - 1, n, p) else 0)
  }
  add(paste("order statistics:", name), list(x = arr(x)), list(intervals = rows))
}
ocase("mtcars mpg", mtcars$mpg)
ocase("nsw control re78", c78)
ocase("seven values", c(1, 2, 4, 8, 16, 32, 64))
ocase("faithful eruptions", faithful$eruptions)

# Bootstrap, resampled within arms, R replicates; "mc_sd" is the spread of the limits over
# independent repetitions of 1/10 of the replicates divided by sqrt(10): compare within 5 of it
# plus your own Monte Carlo error.
bcase <- function(name, t, c, stat, label, B = 200000) {
  d <- data.frame(v = c(t, c), a = rep(c(1, 0), c(length(t), length(c))))
  f <- function(d, i) { v <- d$v[i]; stat(v[d$a[i] == 1]) - stat(v[d$a[i] == 0]) }
  limits <- function(B) {
    b <- boot(d, f, R = B, strata = d$a)
    ci <- boot.ci(b, conf = .95, type = c("perc", "bca", "basic"), L = L)
    list(t0 = b$t0, se = sd(b$t), bias = mean(b$t) - b$t0,
         perc = ci$percent[4:5], bca = ci$bca[4:5], basic = ci$basic[4:5])
  }
  # Jackknife influence values within arms, as BCa for stratified samples asks.
  n1 <- length(t); n0 <- length(c)
  L <- c(vapply(seq_len(n1), function(i) (n1 - 1) * (stat(t) - stat(t[-i])), 0),
         vapply(seq_len(n0), function(i) -(n0 - 1) * (stat(c) - stat(c[-i])), 0))
  set.seed(314)
  big <- limits(B)
  reps <- lapply(1:10, function(k) limits(B / 10))
  mc <- function(key) arr(apply(sapply(reps, `[[`, key), 1, sd) / sqrt(10))
  wts <- L / rep(c(n1, n0), c(n1, n0))
  add(paste("bootstrap:", name), list(treatment = arr(t), control = arr(c), statistic = label, conf_level = .95, replicates = B),
      list(estimate = big$t0, se = big$se, bias = big$bias,
           acceleration_jackknife = sum(wts^3) / (6 * sum(wts^2)^1.5),
           percentile = arr(big$perc), percentile_mc_sd = mc("perc"), bca = arr(big$bca), bca_mc_sd = mc("bca"),
           basic = arr(big$basic), basic_mc_sd = mc("basic")))
}
bcase("mtcars mpg, mean", mtcars$mpg[mtcars$am == 1], mtcars$mpg[mtcars$am == 0], mean, "difference of means")
bcase("mtcars mpg, median", mtcars$mpg[mtcars$am == 1], mtcars$mpg[mtcars$am == 0], median, "difference of medians", 100000)
skew1 <- c(12.5, 0.3, 1.1, 2.4, 0.7, 33.1, 5.2, 0.9, 1.8, 7.7, 3.3, 0.2, 15.9, 2.1, 4.4)
skew0 <- c(0.4, 1.9, 8.3, 0.6, 2.7, 0.1, 11.4, 1.3, 0.8, 3.9, 1.6, 5.1)
bcase("skewed, mean", skew1, skew0, mean, "difference of means")

emit("rank_quantile.R", cases, "boot", c(
  "wilcox: with exact FALSE R's hl limits and estimate are roots of the normal-approximation statistic (tol 1e-12), which is a step function: compare them to about 1e-4 of the data's unit or to the neighbouring pairwise difference. hodges_lehmann is the plain median of all differences.",
  "bootstrap: a Monte Carlo result. boot.ci's BCa uses the acceleration of its own L (jackknife here), which is not rescaled for strata of unequal size; acceleration_jackknife is the two-sample form sum(w^3)/(6 sum(w^2)^1.5) with w = L/n_arm. Medians are lattice valued, limits jump between neighbours."))
