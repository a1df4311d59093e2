# Power and sample size: power.t.test, power.prop.test, pwr (unequal arms), closed forms.
#   Rscript tests/oracles/power.R > tests/oracles/power.json
source(file.path(local({
  a <- grep("^--file=", commandArgs(FALSE), value = TRUE)
  if (length(a)) dirname(sub("^--file=", "", a[1])) else "."
}), "common.R"))
suppressPackageStartupMessages(library(pwr))
tol <- 1e-12
cases <- list()
add <- function(name, input, expected) cases[[length(cases) + 1]] <<- case(name, input, expected)

tt <- function(solve, n = NULL, delta = NULL, sd = 1, sig.level = .05, power = NULL, alternative = "two.sided", strict = FALSE) {
  r <- power.t.test(n = n, delta = delta, sd = sd, sig.level = sig.level, power = power, alternative = alternative,
                    strict = strict, tol = tol)
  input <- list(solve = solve, n_per_arm = n, delta = delta, sd = sd, alpha = sig.level, power = power,
                alternative = alternative, strict = strict)
  input <- input[!vapply(input, is.null, NA)]
  out <- list(n_per_arm = r$n, delta = r$delta, power = r$power)
  add(paste0("t ", solve, " ", sum(vapply(cases, function(k) startsWith(k$name, "t "), NA)) + 1), input, out)
}
for (alt in c("two.sided", "one.sided")) {
  tt("n", delta = .5, power = .8, alternative = alt)
  tt("n", delta = .2, power = .9, alternative = alt)
  tt("n", delta = 3, sd = 12.5, power = .95, sig.level = .01, alternative = alt)
  tt("n", delta = .02, power = .8, alternative = alt)
  tt("n", delta = 2, power = .8, alternative = alt)
  tt("power", n = 20, delta = 1, alternative = alt)
  tt("power", n = 20, delta = .05, alternative = alt)
  tt("power", n = 4, delta = .3, alternative = alt)
  tt("power", n = 1000, delta = .1, sig.level = .001, alternative = alt)
  tt("delta", n = 64, power = .8, alternative = alt)
  tt("delta", n = 5000, power = .9, sd = 30, alternative = alt)
}
tt("n", delta = .5, power = .8, strict = TRUE)
tt("power", n = 20, delta = .05, strict = TRUE)
tt("power", n = 4, delta = .3, strict = TRUE)
tt("power", n = 20, delta = 1e-9, strict = TRUE)
tt("delta", n = 12, power = .3, strict = TRUE)

pp <- function(solve, n = NULL, p1 = NULL, p2 = NULL, sig.level = .05, power = NULL, alternative = "two.sided", strict = FALSE) {
  r <- power.prop.test(n = n, p1 = p1, p2 = p2, sig.level = sig.level, power = power, alternative = alternative,
                       strict = strict, tol = tol)
  input <- list(solve = solve, n_per_arm = n, p_control = p1, p_treatment = p2, alpha = sig.level, power = power,
                alternative = alternative, strict = strict)
  input <- input[!vapply(input, is.null, NA)]
  add(paste0("proportion ", solve, " ", sum(vapply(cases, function(k) startsWith(k$name, "proportion "), NA)) + 1), input,
      list(n_per_arm = r$n, p_control = r$p1, p_treatment = r$p2, power = r$power))
}
for (alt in c("two.sided", "one.sided")) {
  pp("n", p1 = .5, p2 = .75, power = .9, alternative = alt)
  pp("n", p1 = .1, p2 = .11, power = .8, alternative = alt)
  pp("n", p1 = .002, p2 = .0025, power = .8, alternative = alt)
  pp("power", n = 50, p1 = .5, p2 = .75, alternative = alt)
  pp("power", n = 10000, p1 = .1, p2 = .105, alternative = alt)
  pp("p_treatment", n = 1000, p1 = .2, power = .8, alternative = alt)
}
pp("power", n = 50, p1 = .5, p2 = .55, strict = TRUE)
pp("n", p1 = .5, p2 = .75, power = .9, strict = TRUE)

# pwr: Cohen's d, unequal arms, Student t; h = 2 asin sqrt p, normal. two-sided power counts both tails.
pw <- function(n1, n2, d, alt, alpha = .05)
  add(sprintf("pwr t2n %d %d %g %s", n1, n2, d, alt),
      list(n_treatment = n1, n_control = n2, d = d, alpha = alpha, alternative = alt),
      list(power = pwr.t2n.test(n1 = n1, n2 = n2, d = d, sig.level = alpha, alternative = alt)$power))
pw(90, 60, .6, "greater"); pw(90, 60, .6, "two.sided"); pw(20, 200, .5, "two.sided"); pw(5, 50, .9, "two.sided")
pw(90, 60, -.3, "less"); pw(9000, 1000, .1, "two.sided")
for (a in c("two.sided", "greater")) {
  n2 <- pwr.t2n.test(n1 = 60, d = .6, power = .8, alternative = a)$n2
  add(paste("pwr t2n solve n2", a), list(n_treatment = 60, d = .6, alpha = .05, power = .8, alternative = a), list(n_control = n2))
}
ph <- function(n1, n2, p1, p2, alt)
  add(sprintf("pwr 2p2n %d %d %s", n1, n2, alt), list(n_treatment = n1, n_control = n2, p_treatment = p1, p_control = p2, alpha = .05, alternative = alt),
      list(h = ES.h(p1, p2), power = pwr.2p2n.test(h = ES.h(p1, p2), n1 = n1, n2 = n2, alternative = alt)$power))
ph(300, 100, .3, .2, "two.sided"); ph(300, 100, .3, .2, "greater"); ph(5000, 500, .12, .1, "two.sided")

# Normal theory, unequal arms, and non-inferiority: closed forms evaluated with qnorm.
# ratio = n_treatment / n_control. Non-inferiority: H0 delta <= -margin, level alpha one-sided.
for (k in c(1, 2, .25)) for (a in c(.05, .01)) for (pow in c(.8, .9)) {
  n_c <- (qnorm(1 - a / 2) + qnorm(pow))^2 * (4 / k + 2.25) / .3^2
  add(sprintf("z unequal variances ratio %g alpha %g power %g", k, a, pow),
      list(delta = .3, sd_treatment = 2, sd_control = 1.5, ratio = k, alpha = a, power = pow, alternative = "two.sided"),
      list(n_control = n_c, n_treatment = k * n_c))
}
for (truth in c(0, .05, -.05)) for (k in c(1, 3)) {
  n_c <- (qnorm(.975) + qnorm(.8))^2 * (1 + 1 / k) / (truth + .2)^2
  add(sprintf("non-inferiority mean truth %g ratio %g", truth, k),
      list(margin = .2, true_difference = truth, sd = 1, ratio = k, alpha = .025, power = .8), list(n_control = n_c, n_treatment = k * n_c))
}
for (v in list(c(.65, .65, .1), c(.7, .65, .1), c(.1, .1, .01))) {
  n <- (qnorm(.975) + qnorm(.9))^2 * (v[1] * (1 - v[1]) + v[2] * (1 - v[2])) / (v[1] - v[2] + v[3])^2
  add(sprintf("non-inferiority proportion %g %g", v[1], v[2]),
      list(margin = v[3], p_treatment = v[1], p_control = v[2], ratio = 1, alpha = .025, power = .9), list(n_per_arm = n))
}
emit("power.R", cases, "pwr", c(
  "n is not rounded. two.sided without strict counts one tail (the customary approximation), strict counts both; pwr counts both.",
  "power.t.test's n by uniroot with tol 1e-12. one.sided: the effect lies in the tested direction.",
  "non-inferiority: n_control = (z_alpha + z_power)^2 sd^2 (1 + 1/ratio) / (true_difference + margin)^2; proportions unpooled."))
